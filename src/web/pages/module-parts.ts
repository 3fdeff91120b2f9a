/** What the pages about sync modules share: a module's state in a word, and its names. */
import { html } from 'hono/html'
import { needsPerson } from '../../domain/failure.ts'
import type { ModuleSnapshot } from '../../domain/model.ts'
import { type Html, shown, state } from '../layout.ts'

/** The state in one word for a person, and how grave it is. */
export function moduleState({ record, paused, available, accountStatus }: ModuleSnapshot): Html {
  const { module, missing, lastOutcome, failuresInARow } = record
  if (paused) return state('paused', 'wait')
  if (accountStatus !== 'ok')
    return state(`account ${words(accountStatus)}`, needsPerson(accountStatus) ? 'bad' : 'wait')
  if (missing > 0) return state('not in the last list', 'wait')
  if (!available)
    return state(module.connection === 'online' ? storageWord(module.storage) : 'offline', 'bad')
  if (failuresInARow > 0 && lastOutcome)
    return state(words(lastOutcome), lastOutcome === 'busy' ? 'wait' : 'bad')
  return lastOutcome === undefined ? state('not requested yet', 'wait') : state('ok', 'good')
}

function storageWord(storage: string | undefined): string {
  return storage === undefined || storage === 'active' ? 'not ready' : `drive ${words(storage)}`
}

export function words(code: string): string {
  return code.replaceAll('_', ' ')
}

/** Its name and its network's. */
export function nameOf({ record: { module } }: ModuleSnapshot): string {
  return shown(module.name) || module.syncModuleId
}

/** A request ID that can be copied. */
export function requestIdWithCopy(requestId: string): Html {
  return html`<span class="row"><code>${requestId}</code><button type="button" class="quiet small scripted-only" data-copy="${requestId}">Copy<span class="unseen"> ${requestId}</span></button></span>`
}

/** Where a script says what was copied. */
export const copied = html`<p id="copied" class="hint scripted-only" role="status"></p>`
