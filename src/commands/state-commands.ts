/** The commands that need no account's cloud: pauses, options, health. */
import type { Command, CommandResult, Target } from '../domain/commands.ts'
import type { LogLevel, Observer, StatusReader, Storage } from '../domain/ports.ts'
import type { Targets } from './targets.ts'

export interface StateCommandNeeds {
  readonly targets: Pick<Targets<unknown>, 'modules' | 'unknown'>
  readonly pauses: Pick<Storage['pauses'], 'set'>
  readonly status: Pick<StatusReader, 'health'>
  readonly observer: Pick<Required<Observer>, 'moduleChanged' | 'settingsChanged'>
  readonly logLevel: { get(): LogLevel; set(level: LogLevel): unknown }
}

export type StateCommand = Extract<Command, { readonly verb: 'pause' | 'resume' | 'options' | 'health' }>

export function stateCommands(needs: StateCommandNeeds): (command: StateCommand) => Promise<CommandResult> {
  const { targets, pauses, observer, logLevel } = needs

  async function pause(target: Target, paused: boolean): Promise<CommandResult> {
    const unknown = await targets.unknown(target)
    if (unknown) return unknown
    const { accountId, networkId, syncModuleId } = target
    await pauses.set([accountId, networkId, syncModuleId].filter((id) => id !== undefined).join('/'), paused)
    const keys = await targets.modules(target)
    for (const key of keys) observer.moduleChanged(key, 'polling')
    return { data: { verb: 'pause', modules: keys.length, paused } }
  }

  return async (command) => {
    switch (command.verb) {
      case 'pause':
      case 'resume':
        return pause(command.target, command.verb === 'pause')
      case 'options': {
        if (command.logLevel !== undefined) await logLevel.set(command.logLevel)
        observer.settingsChanged('log_level')
        return { data: { verb: 'options', logLevel: logLevel.get() } }
      }
      case 'health':
        return { data: { verb: 'health', health: await needs.status.health() } }
    }
  }
}
