/** The accounts: how each is, and what to do; sign-out, and the import of what another program holds. */
import { html } from 'hono/html'
import type { Imported } from '../../commands/sign-in.ts'
import type { SignInDialogue, Waiting } from '../../commands/sign-in-dialogue.ts'
import { keptWords } from '../../commands/sign-in-words.ts'
import { signedOutWords, signOut } from '../../commands/sign-out.ts'
import { DaemonError } from '../../domain/errors.ts'
import { needsPerson } from '../../domain/failure.ts'
import type { AccountSnapshot, AccountStatus, Credentials } from '../../domain/model.ts'
import type { StatusReader, Storage } from '../../domain/ports.ts'
import type { Words } from '../../domain/words.ts'
import type { WebApp, WebContext } from '../context.ts'
import { goTo, type Html, postForm, rootOf, show, shown, state, table, time, written } from '../layout.ts'
import type { Messages } from '../messages.ts'
import { words } from './module-parts.ts'
import { pageLinks, pageOf } from './paging.ts'
import { failedOnPage, signInPage } from './sign-in.ts'

const perPage = 100

interface AccountsNeeds {
  readonly dialogue: SignInDialogue
  readonly messages: Messages
  readonly status: Pick<StatusReader, 'account'>
  readonly storage: Pick<Storage, 'credentials' | 'limits'>
}

export function accountsPages(app: WebApp, needs: AccountsNeeds): void {
  const { dialogue, messages, status, storage } = needs

  /** The last look at the files, which are many in a fleet. */
  let looked: { readonly changedAt: number; readonly isEmpty: boolean } | undefined
  async function isEmpty(): Promise<boolean> {
    const changedAt = await storage.credentials.changedAt()
    if (looked?.changedAt !== changedAt) {
      looked = { changedAt, isEmpty: (await storage.credentials.list()).length === 0 }
    }
    return looked.isEmpty
  }

  // Without an account there is nothing else to do.
  app.get('/', async (c, next) => {
    return (await isEmpty()) ? signInPage(c, { dialogue, messages }) : next()
  })

  app.get('/accounts', async (c) => {
    const root = rootOf(c)
    const all = await storage.credentials.list()
    const paging = pageOf(c, all.length, perPage)
    const rows = await Promise.all(all.slice(paging.from, paging.to).map((one) => row(one, root)))
    const heads = ['Account', 'State', 'What to do', 'Sign out']
    const body = html`${rows.length > 0 ? table({ caption: 'Accounts', isCaptionUnseen: true, heads, rows }) : html`<p>There is none yet.</p>`}
${pageLinks(c, 'accounts', paging)}
<p><a class="button" href="${root}accounts/sign-in">${signInLabel(await dialogue.waiting(), rows.length)}</a></p>
<p><a href="${root}accounts/import">Import a login from another program</a></p>`
    return show(c, {
      title: 'Accounts',
      place: 'accounts',
      body,
      message: messages.read(c.req.query('message')),
    })
  })

  async function row(credentials: Credentials, root: string): Promise<readonly Html[]> {
    const { key, accountId } = credentials
    const snapshot = accountId === undefined ? undefined : await status.account(accountId)
    const name = accountId ?? key
    return [
      html`${accountId ?? html`not known yet (<code>${shown(key)}</code>)`}`,
      html`${stateOf(credentials, snapshot)}`,
      html`${written(whatToDo(credentials, snapshot))}`,
      html`<a href="${root}accounts/sign-out?account=${encodeURIComponent(name.toWellFormed())}">Sign out<span class="unseen"> of ${shown(name)}</span></a>`,
    ]
  }

  app.get('/accounts/sign-out', async (c) => {
    const account = c.req.query('account') ?? ''
    if (!(await isKnown(account))) return noAccount(c)
    const body = html`<p>Requests for account ${shown(account)} stop, and its topics are removed from the broker. To have it back, somebody must sign in again with a code.</p>
${postForm(c, 'accounts/sign-out', [
  html`<input type="hidden" name="account" value="${account}">`,
  html`<p class="row"><button class="danger">Sign out</button> <a href="${rootOf(c)}accounts">Keep it</a></p>`,
])}`
    return show(c, { title: `Sign out of ${shown(account)}?`, place: 'accounts', body })
  })

  app.post('/accounts/sign-out', async (c) => {
    const { account } = await c.req.parseBody()
    if (typeof account !== 'string' || !(await isKnown(account))) return noAccount(c)
    return report(c, async () => {
      const forgotten = await signOut(storage, account)
      return [[`Signed out: ${account}.`], ...signedOutWords(forgotten)]
    })
  })

  async function isKnown(account: string): Promise<boolean> {
    const all = await storage.credentials.list()
    return all.some(({ key, accountId }) => account !== '' && (accountId === account || key === account))
  }

  app.get('/accounts/import', (c) => {
    const body = html`<p>Paste what another program holds: the line of <code>BLINK_TOKENS</code>, one for each account, or the JSON that blinkpy saves.
The token is tried once and kept here; the other program must not use it any more.</p>
${postForm(c, 'accounts/import', [
  html`<div class="field wide"><label for="tokens">Tokens</label>
<textarea id="tokens" name="tokens" rows="6" required autocomplete="off" spellcheck="false" autocapitalize="none"></textarea></div>`,
  html`<button>Import</button>`,
])}`
    return show(c, {
      title: 'Import a login',
      place: 'accounts',
      body,
      message: messages.read(c.req.query('message')),
    })
  })

  app.post('/accounts/import', async (c) => {
    const { tokens } = await c.req.parseBody()
    const { problems, notes, results } = await dialogue.takeOver(typeof tokens === 'string' ? tokens : '')
    const sentences = [...problems, ...notes].map((sentence): Words => [sentence])
    const outcomes = results.flatMap(importedWords)
    const isDone = problems.length === 0 && results.every((one) => 'kept' in one)
    const key = messages.keep({ kind: isDone ? 'done' : 'failed', sentences: [...sentences, ...outcomes] })
    return goTo(c, isDone ? 'accounts' : 'accounts/import', key)
  })

  async function report(c: WebContext, work: () => Promise<readonly Words[]>): Promise<Response> {
    try {
      return goTo(c, 'accounts', messages.keep({ kind: 'done', sentences: await work() }))
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error
      return goTo(c, 'accounts', messages.keep({ kind: 'failed', sentences: failedOnPage(error) }))
    }
  }

  function noAccount(c: WebContext): Promise<Response> {
    const body = html`<p>There is no such account. <a href="${rootOf(c)}accounts">To the accounts</a></p>`
    return show(c, { title: 'Not found', place: 'accounts', body, status: 404 })
  }
}

function signInLabel(waiting: Waiting | undefined, accounts: number): string {
  if (waiting) return 'Go on with the sign-in that waits for you'
  return accounts > 0 ? 'Sign in another account, or one again' : 'Sign in'
}

function importedWords(one: Imported): readonly Words[] {
  if ('kept' in one) return keptWords(one.kept)
  if ('error' in one) return failedOnPage(one.error)
  if ('resumed' in one)
    return [['The last login was cut off right before it was kept; that one comes first.']]
  const untried = one.stopped.untried.map(({ line }) => line).join(', ')
  return [
    ...(untried === ''
      ? []
      : [[`To lose no token, this was not tried: ${untried}, counted from the first.`]]),
    ['When the trouble is over, do the same again, which goes on there.'],
  ]
}

/** The account's state for a person: its word and how grave it is. */
export function stateWord(status: AccountStatus): Html {
  const tone = status === 'ok' ? 'good' : needsPerson(status) ? 'bad' : 'wait'
  return state(words(status), tone)
}

function stateOf(
  { refusedAt, refusedFor, unusable }: Credentials,
  snapshot: AccountSnapshot | undefined,
): Html {
  if (unusable) return html`${state('unusable', 'bad')}: ${shown(unusable.message)}`
  if (snapshot) {
    const why = snapshot.detail === undefined ? '' : html`: ${shown(snapshot.detail)}`
    return html`${stateWord(snapshot.status)} since ${time(snapshot.since)}${why}`
  }
  if (refusedAt !== undefined)
    return html`${stateWord(refusedFor ?? 'login_required')} since ${time(refusedAt)}`
  return html`${state('taken up within seconds', 'wait')}`
}

function whatToDo({ unusable }: Credentials, snapshot: AccountSnapshot | undefined): Words {
  if (unusable) return [unusable.remedy]
  const again: Words =
    snapshot?.retryAt === undefined ? ['.'] : ['; tried again at ', { at: snapshot.retryAt }, '.']
  switch (snapshot?.status) {
    case 'login_required':
      return ['Sign in again.']
    case 'two_factor_required':
      return ['Blink wants a code: sign in again.']
    case 'throttled':
      return ['Nothing: Blink wants a pause', ...again]
    case 'unreachable':
      return ["Nothing: Blink's cloud does not answer", ...again]
    default:
      return ['Nothing.']
  }
}
