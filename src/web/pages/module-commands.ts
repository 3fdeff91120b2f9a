/** What a person can have done with sync modules on the page, and the sentences about what came of it. */

import { html } from 'hono/html'
import type { CommandHandler } from '../../commands/handler.ts'
import type { CommandResult, Target } from '../../domain/commands.ts'
import type { ModuleKey } from '../../domain/model.ts'
import type { Words } from '../../domain/words.ts'
import type { WebApp, WebContext } from '../context.ts'
import { goTo, type Html, postForm } from '../layout.ts'
import type { Message, Messages } from '../messages.ts'

const verbs = { request: 'manifest/request', pause: 'pause', resume: 'resume' } as const

type Verb = keyof typeof verbs

export const modulePath = ({ accountId, networkId, syncModuleId }: ModuleKey) =>
  `modules/${accountId}/${networkId}/${syncModuleId}`

export const modulePattern = '/modules/:account{\\d{1,20}}/:network{\\d{1,20}}/:module{\\d{1,20}}'

export function keyIn(c: WebContext): ModuleKey {
  const part = (name: string) => c.req.param(name) ?? ''
  return { accountId: part('account'), networkId: part('network'), syncModuleId: part('module') }
}

interface CommandNeeds {
  readonly handle: CommandHandler
  readonly messages: Pick<Messages, 'keep'>
}

export function moduleCommands(app: WebApp, { handle, messages }: CommandNeeds): void {
  async function carryOut(c: WebContext, verb: Verb, target: Target): Promise<Response> {
    const { from } = await c.req.parseBody()
    const result = await handle({ verb: verbs[verb], target })
    const page = from === 'module' ? modulePath(keyIn(c)) : 'modules'
    return goTo(c, page, messages.keep(messageOf(verb, result)))
  }

  app.post('/modules/request', (c) => carryOut(c, 'request', {}))
  for (const verb of ['request', 'pause', 'resume'] as const) {
    app.post(`${modulePattern}/${verb}`, (c) => carryOut(c, verb, keyIn(c)))
  }
}

/** The button of a command, in a form of its own. */
export function commandForm(
  c: WebContext,
  {
    action,
    label,
    of,
    from,
  }: { readonly action: string; readonly label: string; readonly of?: string; readonly from?: 'module' },
): Html {
  const back = from ? html`<input type="hidden" name="from" value="${from}">` : ''
  const whose = of === undefined ? '' : html`<span class="unseen"> ${of}</span>`
  return postForm(
    c,
    action,
    html`${back}<button class="quiet${of === undefined ? '' : ' small'}">${label}${whose}</button>`,
  )
}

/** What a command has come to, for a person. */
function messageOf(verb: Verb, { data, error }: CommandResult): Message {
  if (error) {
    const again: Words =
      error.retryAt === undefined ? ['.'] : ['; again from ', { at: error.retryAt }, ' on.']
    return { kind: 'failed', sentences: [[`This was not done: ${error.message}`, ...again]] }
  }
  if (data.verb === 'pause') {
    const many = `${data.modules} sync ${data.modules === 1 ? 'module' : 'modules'}`
    const now = verb === 'pause' ? 'Paused' : 'Scheduled again'
    return { kind: 'done', sentences: [[`${now}: ${many}.`]] }
  }
  if (data.verb !== 'manifest/request') return { kind: 'done', sentences: [['Done.']] }
  const ids = data.modules.flatMap(({ accepted }) => accepted?.requestId ?? []).slice(0, 10)
  const counts = [
    ...(data.requested > 0 ? [`${data.requested} requested`] : []),
    ...(data.reused > 0 ? [`${data.reused} requested a moment ago`] : []),
    ...(data.failed > 0 ? [`${data.failed} failed`] : []),
    ...(data.skipped > 0 ? [`${data.skipped} not requested`] : []),
  ]
  const summary = counts.length > 0 ? `${counts.join(', ')}.` : 'There was nothing to request.'
  const sentences: Words[] = [[summary]]
  if (ids.length > 0) sentences.push([`Request ${ids.length === 1 ? 'ID' : 'IDs'}: ${ids.join(', ')}.`])
  return { kind: data.requested + data.reused > 0 ? 'done' : 'failed', sentences }
}
