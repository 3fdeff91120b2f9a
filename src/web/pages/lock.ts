/** The page's own password: whoever has not given it sees its form in the place of any page. */
import { html } from 'hono/html'
import { auth } from 'hono/utils/basic-auth'
import type { Log } from '../../domain/ports.ts'
import type { WebApp, WebContext } from '../context.ts'
import { goTo, postForm, show } from '../layout.ts'
import type { Messages } from '../messages.ts'
import type { Attempt, Sessions } from '../session.ts'

const notThePassword = 'This is not the password.'

interface LockNeeds {
  readonly sessions: Sessions
  readonly messages: Messages
  readonly log: Pick<Log, 'warn'>
}

export function lockPages(app: WebApp, { sessions, messages, log }: LockNeeds): void {
  app.post('/login', async (c) => {
    const { password } = await c.req.parseBody()
    const result = await sessions.signIn(c, typeof password === 'string' ? password : '')
    if (result === 'right') return goTo(c, '')
    if (result === 'wrong') warn(c)
    const text = result === 'wrong' ? notThePassword : tooMany(result)
    return goTo(c, '', messages.keep({ kind: 'failed', sentences: [[text]] }))
  })

  app.post('/logout', async (c) => {
    await sessions.signOut(c)
    return goTo(c, '')
  })

  app.use(async (c, next) => {
    if (sessions.isOpenTo(c)) return next()
    const tried = attemptOf(c, sessions)
    if (tried === 'right') return next()
    if (tried === undefined) return locked(c, messages)
    if (tried === 'wrong') {
      warn(c)
      return c.text(`${notThePassword}\n`, 401)
    }
    return c.text(`${tooMany(tried)}\n`, 429, { 'retry-after': String(secondsOf(tried)) })
  })

  /** Tries are limited, and so are these lines. */
  function warn(c: WebContext): void {
    log.warn({ peer: c.env.peer }, 'wrong password at the page')
  }
}

/** Programs have no session: they send the password with each request, as `curl -u :PASSWORD` does. */
function attemptOf(c: WebContext, sessions: Sessions): Attempt | undefined {
  const sent = c.req.path.startsWith('/api/') ? auth(c.req.raw) : undefined
  return sent && sessions.attempt(c, sent.password)
}

type Pause = Exclude<Attempt, string>

function tooMany(pause: Pause): string {
  return `Too many wrong passwords. Try again in ${secondsOf(pause)} seconds.`
}

function secondsOf({ waitMs }: Pause): number {
  return Math.ceil(waitMs / 1000)
}

async function locked(c: WebContext, messages: Messages): Promise<Response> {
  const isPage = c.req.method === 'GET' && (c.req.header('accept') ?? '').includes('text/html')
  if (!isPage) return c.text('The password of the page is needed first.\n', 401)
  const message = messages.read(c.req.query('message'))
  const wrong = message?.kind === 'failed' ? html` aria-invalid="true" aria-describedby="message"` : ''
  const fields = html`<div class="field"><label for="password">Password of this page</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus${wrong}></div>
<button>Open</button>`
  return show(c, { title: 'Password', body: postForm(c, 'login', fields), message, status: 401 })
}
