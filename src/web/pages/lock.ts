/** The page's own password: whoever has not given it sees its form in the place of any page. */
import { html } from 'hono/html'
import { auth } from 'hono/utils/basic-auth'
import type { Log } from '../../domain/ports.ts'
import type { WebApp, WebContext } from '../context.ts'
import { goTo, postForm, show } from '../layout.ts'
import type { Messages } from '../messages.ts'
import type { Sessions } from '../session.ts'

interface LockNeeds {
  readonly sessions: Sessions
  readonly messages: Messages
  readonly log: Pick<Log, 'warn'>
}

export function lockPages(app: WebApp, { sessions, messages, log }: LockNeeds): void {
  app.post('/login', async (c) => {
    const { password } = await c.req.parseBody()
    const result = sessions.signIn(c, typeof password === 'string' ? password : '')
    if (result === 'right') return goTo(c, '')
    // Tries are limited, and so are these lines.
    if (result === 'wrong') log.warn({ peer: c.env.peer }, 'wrong password at the page')
    const text =
      result === 'wrong'
        ? 'This is not the password.'
        : `Too many wrong passwords. Try again in ${Math.ceil(result.waitMs / 1000)} seconds.`
    return goTo(c, '', messages.keep({ kind: 'failed', sentences: [[text]] }))
  })

  app.post('/logout', (c) => {
    sessions.signOut(c)
    return goTo(c, '')
  })

  app.use(async (c, next) => {
    if (sessions.isOpenTo(c) || hasPassword(c, sessions)) return next()
    return locked(c, messages)
  })
}

/** Programs have no session: they send the password with each request, as `curl -u :PASSWORD` does. */
function hasPassword(c: WebContext, sessions: Sessions): boolean {
  if (!c.req.path.startsWith('/api/')) return false
  const sent = auth(c.req.raw)
  return sent !== undefined && sessions.attempt(c, sent.password) === 'right'
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
