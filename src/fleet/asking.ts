/**
 * Carries out commands at whichever instance was asked: what needs an account's cloud is left to the account's owner,
 * or to the instance that takes the account for it, and the answers of all accounts become one.
 */
import { type CommandHandler, type CommandNeeds, carriesOut } from '../commands/handler.ts'
import { stateCommands } from '../commands/state-commands.ts'
import { targetsIn } from '../commands/targets.ts'
import type { Command, CommandResult, Target } from '../domain/commands.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { AskedCommand, FleetCommands, ShownAccounts } from '../domain/fleet.ts'
import type { BlinkId } from '../domain/model.ts'
import type { CallerLimits, Storage } from '../domain/ports.ts'
import type { BucketSize } from '../domain/token-bucket.ts'
import { mergeRequests, mergeRescans, unanswered } from './answers.ts'

export interface AskingNeeds
  extends Pick<CommandNeeds, 'observer' | 'logLevel' | 'settings' | 'status' | 'clock'> {
  readonly accounts: ShownAccounts
  readonly storage: Pick<Storage, 'ledger' | 'pauses'>
  readonly commands: FleetCommands
  readonly limits: CallerLimits
  /** Has accounts that nobody works on taken by some instance. */
  readonly wake: (accountIds: readonly BlinkId[]) => Promise<void>
}

const lookMs = 500
/** Longer than a command may take at an account, and the taking of the account before it. */
const longestMs = 75_000
/** Each rescan publishes all documents again. */
const rescans: BucketSize = { capacity: 2, perMinute: 1 }

export function askingHandler(needs: AskingNeeds): CommandHandler {
  const { accounts, storage, commands, settings, observer, limits, clock } = needs
  const targets = targetsIn({ registry: accounts, ledger: storage.ledger, rules: settings.modules })
  const changeState = stateCommands({ ...needs, targets, pauses: storage.pauses })

  async function ask(asked: readonly AskedCommand[]): Promise<readonly CommandResult[]> {
    if (asked.length === 0) return []
    const ids = await commands.ask(asked)
    await needs.wake(asked.map(({ accountId }) => accountId))
    const answers = new Map<string, CommandResult>()
    const until = clock.elapsed() + longestMs
    while (answers.size < ids.length && clock.elapsed() < until) {
      await clock.sleep(lookMs)
      for (const [id, answer] of await resultsOf(ids.filter((id) => !answers.has(id))))
        answers.set(id, answer)
    }
    return ids.map((id) => answers.get(id) ?? unanswered)
  }

  /** What was asked is carried out all the same, so a database that is away for a moment is waited for. */
  async function resultsOf(ids: readonly string[]): Promise<ReadonlyMap<string, CommandResult>> {
    try {
      return await commands.results(ids)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      return new Map()
    }
  }

  async function request(command: Command & { readonly target: Target }): Promise<CommandResult> {
    const unknown = await targets.unknown(command.target)
    if (unknown) return unknown
    const asked = targets.accounts(command.target).map(({ accountId }) => ({
      accountId,
      command: { ...command, target: { ...command.target, accountId } },
    }))
    return mergeRequests(await ask(asked))
  }

  async function rescan(): Promise<CommandResult> {
    if ((await limits.take('everything', 1, rescans)) === 0) observer.rescanRequested()
    const command = { verb: 'rescan' } as const
    const answers = await ask(accounts.accounts.map(({ accountId }) => ({ accountId, command })))
    return mergeRescans(answers, await storage.ledger.count())
  }

  return carriesOut({ settings, request, rescan, changeState })
}
