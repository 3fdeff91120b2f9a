/**
 * The simulator's own pages below `/simulator`: for people with curl, and for tests in other languages.
 *
 * Not part of the cloud that is simulated: these requests are not recorded and nothing misbehaves here.
 */
import { storageOf } from './account-spec.ts'
import { type Answer, json, type Request, text } from './answer.ts'
import type { AccountState, Cloud, ModuleState } from './cloud.ts'
import type { Faults } from './fault.ts'
import { type RecordedMotion, recordMotion } from './motion.ts'
import {
  clipTroubleKinds,
  faultKinds,
  type Parsed,
  parseClipTrouble,
  parseFault,
  parseModuleChange,
  parseMotion,
} from './parse-fault.ts'
import type { Call } from './server.ts'
import type { ClipRecord } from './stick.ts'

export interface ControlNeeds {
  readonly cloud: Cloud
  readonly faults: Faults
  readonly calls: readonly Call[]
  readonly url: string
}

const SHOWN_CALLS = 1_000
const SHOWN_MODULES = 50
const SHOWN_ACCOUNTS = 20

/** Answers a request to the simulator itself; undefined for a request to the cloud. */
export function control(request: Request, needs: ControlNeeds): Answer | undefined {
  const { method, path, body } = request
  if (path !== '/simulator' && !path.startsWith('/simulator/')) return undefined
  const module = /^\/simulator\/modules\/(\d+)\/(\d+)$/.exec(path)
  if (module) return method === 'PATCH' ? changeModule(needs, module, body) : wrongMethod('PATCH')
  const restarted = /^\/simulator\/modules\/(\d+)\/(\d+)\/restart$/.exec(path)
  if (restarted) return method === 'POST' ? restartModule(needs, restarted) : wrongMethod('POST')
  switch (path) {
    case '/simulator':
      return method === 'GET' ? text(200, help(needs)) : wrongMethod('GET')
    case '/simulator/calls':
      return method === 'GET' ? json(200, { calls: needs.calls.slice(-SHOWN_CALLS) }) : wrongMethod('GET')
    case '/simulator/misbehave':
      return method === 'POST' ? switchOn(needs, body) : wrongMethod('POST')
    case '/simulator/motion':
      return method === 'POST' ? seeMotion(needs, body) : wrongMethod('POST')
    case '/simulator/clips':
      return method === 'GET' ? json(200, showClips(needs)) : wrongMethod('GET')
    case '/simulator/clip-trouble':
      return method === 'POST' ? troubleClips(needs, body) : wrongMethod('POST')
    case '/simulator/calm':
      return method === 'POST' ? calm(needs) : wrongMethod('POST')
    default:
      return text(404, 'No such page. GET /simulator tells what there is.\n')
  }
}

function switchOn({ faults }: ControlNeeds, body: string): Answer {
  const fault = parseFault(body)
  if (isWrong(fault)) return refused(fault.problems)
  faults.switchOn(fault.value)
  return showFaults(faults)
}

function calm({ cloud, faults }: ControlNeeds): Answer {
  faults.calm()
  cloud.clipTroubles.calm()
  return showFaults(faults)
}

function changeModule({ cloud }: ControlNeeds, found: RegExpExecArray, body: string): Answer {
  const module = moduleIn(cloud, found)
  if (!module) return noModule(found)
  const change = parseModuleChange(body)
  if (isWrong(change)) return refused(change.problems)
  module.spec = { ...module.spec, ...change.value }
  return json(200, module.spec)
}

function restartModule({ cloud }: ControlNeeds, found: RegExpExecArray): Answer {
  const module = moduleIn(cloud, found)
  if (!module) return noModule(found)
  cloud.restart(module)
  return json(200, { clips: module.stick.list(cloud.time.now()) })
}

function moduleIn(cloud: Cloud, found: RegExpExecArray): ModuleState | undefined {
  return cloud.findModule(Number(found[1]), Number(found[2]))
}

function noModule(found: RegExpExecArray): Answer {
  return text(404, `There is no sync module ${found[1]}/${found[2]}.\n`)
}

function seeMotion({ cloud }: ControlNeeds, body: string): Answer {
  const motion = parseMotion(body)
  if (isWrong(motion)) return refused(motion.problems)
  try {
    return json(200, inModule(recordMotion(cloud, motion.value)))
  } catch (error) {
    return refused([String(error instanceof Error ? error.message : error)])
  }
}

function inModule({ module, clip }: RecordedMotion): object {
  return placed(module, module.stick.record(clip))
}

function placed({ accountId, spec }: ModuleState, record: ClipRecord): object {
  return { account_id: accountId, network_id: spec.networkId, sync_module_id: spec.id, ...record }
}

/** Every clip that ever was, and which of them met a trouble. */
function showClips({ cloud }: ControlNeeds): object {
  const modules = [...cloud.accounts.values()].flatMap((account) => [...account.modules.values()])
  return {
    clips: modules.flatMap((module) => module.stick.journal().map((record) => placed(module, record))),
    struck: cloud.clipTroubles.struck,
  }
}

function troubleClips({ cloud }: ControlNeeds, body: string): Answer {
  const trouble = parseClipTrouble(body)
  if (isWrong(trouble)) return refused(trouble.problems)
  cloud.clipTroubles.switchOn(trouble.value)
  return json(200, { troubles: cloud.clipTroubles.on })
}

function showFaults(faults: Faults): Answer {
  return json(200, { faults: faults.on.map((fault) => ({ ...fault, path: fault.path?.toString() })) })
}

function refused(problems: readonly string[]): Answer {
  return json(400, { problems })
}

function wrongMethod(method: string): Answer {
  return text(405, `This page takes ${method} only.\n`)
}

function isWrong<Value>(parsed: Parsed<Value>): parsed is { readonly problems: readonly string[] } {
  return 'problems' in parsed
}

function help({ cloud, faults, calls, url }: ControlNeeds): string {
  const accounts = [...cloud.accounts.values()].slice(0, SHOWN_ACCOUNTS)
  const faultLines = faults.on.map(
    (fault) => `  ${JSON.stringify({ ...fault, path: fault.path?.toString() })}`,
  )
  return `A simulated Blink cloud. Nothing here reaches Blink.

  OAuth: ${url}
  REST:  ${url}/rest-{region}

${accounts.map((account) => describe(cloud, account)).join('\n')}
Requests received so far: ${calls.length}, the newest at ${url}/simulator/calls

Faults switched on:
${faultLines.length > 0 ? faultLines.join('\n') : '  none'}

Make something go wrong, change a module, put all right again:
  curl -d '{"kind":"status","status":429,"headers":{"Retry-After":"30"},"path":"manifest/request"}' ${url}/simulator/misbehave
  curl -d '{"kind":"reset_after","method":"POST","count":1}' ${url}/simulator/misbehave
  curl -X PATCH -d '{"status":"offline"}' ${url}/simulator/modules/44107/350221
  curl -X POST ${url}/simulator/calm

Motion at a camera, a restart of a module, trouble with clips, and the clips that there were:
  curl -d '{"camera":"Back Door"}' ${url}/simulator/motion
  curl -X POST ${url}/simulator/modules/44107/350221/restart
  curl -d '{"kind":"failed_upload","cameraName":"Back Door","count":1}' ${url}/simulator/clip-trouble
  curl ${url}/simulator/clips

Kinds: ${faultKinds.join(', ')}
With any of them: path (part of it, or an expression between slashes), method, accountId, count,
probability, and done (true: the cloud does what was asked all the same).

Kinds of trouble with clips: ${clipTroubleKinds.join(', ')}
With any of them: networkId, syncModuleId, cameraName, count, probability and seconds.
`
}

function describe(cloud: Cloud, account: AccountState): string {
  const modules = [...account.modules.values()]
  const lines = modules.slice(0, SHOWN_MODULES).map(({ spec }) => {
    const state = `${spec.status ?? 'online'}, storage ${storageOf(spec)}`
    return `  ${spec.networkId}/${spec.id} ${spec.name} (${spec.type ?? 'sm2'}): ${state}`
  })
  const more = modules.length > SHOWN_MODULES ? [`  and ${modules.length - SHOWN_MODULES} more`] : []
  return `Account ${account.id} in region ${account.region}
  Sign in with ${account.person.email}, password '${account.person.password}', code ${account.person.code}
  BLINK_TOKENS='${cloud.tokenLine(account.id)}'
${[...lines, ...more].join('\n')}
`
}
