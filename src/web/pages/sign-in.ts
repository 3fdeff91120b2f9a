/**
 * Signing in to Blink: address and password, then the code, on one page that survives a reload. What is done is in
 * `commands/sign-in-dialogue.ts`, the sentences are those of the terminal.
 */
import { html } from 'hono/html'
import { isEmail } from '../../commands/sign-in.ts'
import type { Reached, SignInDialogue, Waiting } from '../../commands/sign-in-dialogue.ts'
import { failedWords, keptWords, whereSent } from '../../commands/sign-in-words.ts'
import { DaemonError } from '../../domain/errors.ts'
import { Secret } from '../../domain/secret.ts'
import type { Words } from '../../domain/words.ts'
import type { WebApp, WebContext } from '../context.ts'
import { goTo, type Html, postForm, show, written } from '../layout.ts'
import type { Message, Messages } from '../messages.ts'

interface SignInNeeds {
  readonly dialogue: SignInDialogue
  readonly messages: Messages
}

const place = 'accounts/sign-in'

/** The fields that a refusal is about. */
const wrongBy: Readonly<Record<string, readonly string[]>> = {
  wrong_password: ['email', 'password'],
  wrong_code: ['code'],
}

export function signInPages(app: WebApp, { dialogue, messages }: SignInNeeds): void {
  app.get(`/${place}`, (c) => signInPage(c, { dialogue, messages }))

  app.post(`/${place}`, async (c) => {
    const { email, password } = await fieldsOf(c)
    const refuse = (sentence: string, name: string) =>
      failed(c, { sentences: [[sentence]], email, wrong: [name] })
    if (!isEmail(email)) return refuse('This is no e-mail address.', 'email')
    if (password === '') return refuse('The password is empty.', 'password')
    return answer(c, () => dialogue.begin({ email, password: new Secret(password) }), email)
  })

  app.post(`/${place}/code`, async (c) => {
    const { code } = await fieldsOf(c)
    return answer(c, () => dialogue.enterCode(code))
  })

  app.post(`/${place}/resend`, async (c) => {
    const { email, password } = await fieldsOf(c)
    const isGiven = email !== '' && password !== ''
    return answer(c, () => dialogue.resend(isGiven ? { email, password: new Secret(password) } : undefined))
  })

  app.post(`/${place}/go-on`, (c) => answer(c, () => dialogue.goOn()))

  app.post(`/${place}/cancel`, async (c) => {
    await dialogue.cancel()
    return goTo(c, place)
  })

  /** Takes a step, and shows what it has come to. */
  async function answer(
    c: WebContext,
    step: () => Promise<Reached | undefined>,
    email?: string,
  ): Promise<Response> {
    try {
      const reached = await step()
      if (!reached || 'awaits' in reached) return goTo(c, place)
      const sentences = [...keptWords(reached.kept), ['The first run starts within seconds.']]
      return goTo(c, '', messages.keep({ kind: 'done', sentences }))
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error
      return failed(c, { sentences: failedOnPage(error), email, wrong: wrongBy[error.code] ?? [] })
    }
  }

  function failed(c: WebContext, message: Omit<Message, 'kind'>): Response {
    return goTo(c, place, messages.keep({ kind: 'failed', ...message }))
  }
}

/** The terminal's sentences, without the word before them that says what was done. */
export function failedOnPage(error: DaemonError): readonly Words[] {
  return failedWords(error).map((words) => {
    const [first = '', ...rest] = words
    if (typeof first !== 'string') return words
    const text = first.replace(/^sign-in: /, '')
    const sentence = text.charAt(0).toUpperCase() + text.slice(1)
    const last = rest.at(-1) ?? sentence
    const isEnded = typeof last === 'string' && /[.!?”]$/.test(last)
    return [sentence, ...rest, ...(isEnded ? [] : ['.'])]
  })
}

/** The page itself; also the first page as long as there is no account. */
export async function signInPage(c: WebContext, { dialogue, messages }: SignInNeeds): Promise<Response> {
  const message = messages.read(c.req.query('message'))
  const waiting = await dialogue.waiting()
  const body = waiting ? nextForm(c, waiting, message) : firstForm(c, message)
  return show(c, { title: 'Sign in to Blink', place: 'accounts', body, message })
}

function firstForm(c: WebContext, message: Message | undefined): Html {
  return html`<p>With the e-mail address and the password of your Blink account. The password goes to Blink and is never stored.
Blink then sends you a code. Each failed try counts with Blink, so try in the Blink app first if you are not sure.</p>
${postForm(c, place, [
  html`<div class="field"><label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="username" required value="${message?.email ?? ''}"${invalidBy(message, 'email')}></div>`,
  html`<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${invalidBy(message, 'password')}></div>`,
  html`<button>Sign in</button>`,
])}`
}

function nextForm(c: WebContext, waiting: Waiting, message: Message | undefined): Html {
  if (waiting.step === 'keep') {
    return html`<p>The last sign-in was cut off right before its end.</p>
${postForm(c, `${place}/go-on`, html`<button>Go on there</button>`)}`
  }
  const { state, isPersonKnown } = waiting
  if (!state.challenge) {
    return html`<p>The code was right, and the last step is missing.</p>
${postForm(c, `${place}/code`, html`<input type="hidden" name="code" value=""><button>Go on there</button>`)}`
  }
  return html`${whereSent(state).map((one) => html`<p>${written(one)}</p>`)}
${postForm(c, `${place}/code`, [
  html`<div class="field"><label for="code">Code</label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required autofocus${invalidBy(message, 'code')}></div>`,
  html`<button>Sign in</button>`,
])}
<h2>No code came?</h2>
${postForm(c, `${place}/resend`, [
  ...(isPersonKnown ? [] : [again()]),
  html`<button class="quiet">Send another code</button>`,
])}
<p class="hint">Each click sends one code at most, and none before the time above.</p>
${postForm(c, `${place}/cancel`, html`<button class="quiet">Begin again with another account</button>`)}`
}

/** Who begins is remembered until a restart. */
function again(): Html {
  return html`<p>The program was restarted since: another code takes the address and the password again.</p>
<div class="field"><label for="email">E-mail address</label><input id="email" name="email" type="email" autocomplete="username" required></div>
<div class="field"><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required></div>`
}

/** Ties a field to the sentence that says what is wrong. */
function invalidBy(message: Message | undefined, name: string): Html | '' {
  return message?.wrong?.includes(name) ? html` aria-invalid="true" aria-describedby="message"` : ''
}

/** The fields of a form that are texts; one that is missing is empty. */
async function fieldsOf(c: WebContext): Promise<Readonly<Record<'email' | 'password' | 'code', string>>> {
  const body = await c.req.parseBody()
  const text = (name: string) => (typeof body[name] === 'string' ? body[name] : '')
  return { email: text('email').trim(), password: text('password'), code: text('code').trim() }
}
