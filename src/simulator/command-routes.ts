/**
 * How far a command is, and the commands that other clients send: they keep a module busy like ours do.
 *
 * The status code 908, "Command succeeded", stands there from the first moment on, long before `complete` is
 * true. That is how the captures of 2022 and 2025 have it, and clients have fallen for it.
 */
import { type Answer, json, wireTime } from './answer.ts'
import { type Cloud, modulesOf } from './cloud.ts'
import type { Command } from './commands.ts'
import { refuse } from './refusals.ts'
import type { Route, Visit } from './router.ts'

// A module acknowledges what it is told about a fifth of the way; a thumbnail took three seconds in all.
const ACKNOWLEDGED_AT = 0.2
const OTHER_COMMAND_SECONDS = 1

export function commandRoutes(cloud: Cloud): readonly Route[] {
  const route = (kind: string, method: string, pattern: string, handle: (visit: Visit) => Answer): Route => ({
    kind,
    method,
    pattern,
    access: 'account',
    handle,
  })
  const status = (visit: Visit) => showCommand(cloud, visit)
  const other = (name: string, pattern: string): Route =>
    route('other-command', 'POST', pattern, (visit) => startOther(cloud, name, visit))
  return [
    route('command-status', 'GET', '/network/{n}/command/{id}', status),
    route('command-status', 'GET', '/accounts/{a}/networks/{n}/commands/{id}', status),
    route('command-done', 'POST', '/network/{n}/command/{id}/done', () => refuse('notLiveView')),
    other('arm', '/api/v1/accounts/{a}/networks/{n}/state/arm'),
    other('disarm', '/api/v1/accounts/{a}/networks/{n}/state/disarm'),
    other('thumbnail', '/network/{n}/camera/{c}/thumbnail'),
    other('clip', '/network/{n}/camera/{c}/clip'),
  ]
}

function showCommand(cloud: Cloud, { account, number }: Visit): Answer {
  const command = cloud.commands.find(number('id'))
  if (!command) return refuse(cloud.commands.wasGiven(number('id')) ? 'commandForgotten' : 'commandNotFound')
  if (command.accountId !== account.id || command.networkId !== number('n')) return refuse('commandNotFound')
  if (command.failed && cloud.commands.isDone(command)) return json(200, failedCommand)
  return json(200, {
    commands: [describe(command, cloud.time.now())],
    complete: cloud.commands.isDone(command),
    media_id: null,
    status: 0,
    status_code: 908,
    status_msg: 'Command succeeded',
  })
}

const failedCommand = {
  commands: [],
  complete: true,
  media_id: null,
  status: 1,
  status_code: 909,
  status_msg: 'Command failed to complete',
}

function startOther(cloud: Cloud, name: string, { account, number }: Visit): Answer {
  const module = modulesOf(account, number('n'))[0]
  if (!module) return refuse('moduleNotFound')
  if (module.spec.status === 'offline') return refuse('moduleOffline')
  if (cloud.isBusy(module)) return refuse('busy')
  const command = cloud.commands.start(module, name, OTHER_COMMAND_SECONDS)
  return json(200, { ...describe(command, cloud.time.now()), state: 'new' })
}

function describe(command: Command, now: number): object {
  const acknowledgedAt = command.startedAt + (command.readyAt - command.startedAt) * ACKNOWLEDGED_AT
  const done = now >= command.readyAt
  const acknowledged = now >= acknowledgedAt
  const started = wireTime(command.startedAt)
  const touched = done ? command.readyAt : acknowledged ? acknowledgedAt : command.startedAt
  return {
    account_id: command.accountId,
    attempts: 0,
    by_whom: 'unknown',
    camera_id: null,
    command: command.name,
    created_at: started,
    debug: '',
    deleted_at: null,
    diagnostic: false,
    duration: done ? 0 : null,
    execute_time: started,
    firmware_id: null,
    id: command.id,
    lfr_ack: done ? 0 : null,
    network_id: command.networkId,
    opts_1: 0,
    parent_command_id: null,
    sequence: command.id % 10_000,
    server: null,
    siren_id: null,
    sm_ack: acknowledged ? 1 : null,
    stage_cs_db: started,
    stage_cs_sent: started,
    stage_dev: done ? wireTime(command.readyAt) : null,
    stage_is: null,
    stage_lv: null,
    stage_rest: started,
    stage_sm: acknowledged ? wireTime(acknowledgedAt) : null,
    stage_vs: done ? wireTime(command.readyAt) : null,
    state_condition: done ? 'done' : 'running',
    state_stage: done ? 'vs' : acknowledged ? 'sm' : 'cs_sent',
    sync_module_id: command.moduleId,
    target: 'sync_module',
    target_id: command.moduleId,
    updated_at: wireTime(touched),
  }
}
