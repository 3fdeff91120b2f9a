/**
 * Carries out what the plan has for the cloud, and puts everything right at the end.
 */
import type { Simulator } from '../../src/simulator/simulator.ts'
import { modules } from './homes.ts'
import type { CloudDeed } from './plan.ts'

export interface CloudTimes {
  readonly weather: number[]
  readonly calm: number[]
}

export function doToCloud(cloud: Simulator, deed: CloudDeed, times: CloudTimes): void {
  switch (deed.kind) {
    case 'weather':
      times.weather.push(Date.now())
      for (const fault of deed.faults) {
        cloud.misbehave(fault)
        if (fault.kind === 'lose_answer_of_refresh') cloud.expireAccessTokens()
      }
      return
    case 'calm':
      cloud.calm()
      times.calm.push(Date.now())
      return
    case 'rotation':
      cloud.rotateRefreshTokens(deed.rotation)
      return
    case 'expire':
      cloud.expireAccessTokens(deed.account)
      return
    case 'revoke':
      cloud.revoke(deed.account)
      cloud.expireAccessTokens(deed.account)
      return
    default:
      doToModule(cloud, deed)
  }
}

type ModuleDeed = Extract<CloudDeed, { readonly module: number }>

function doToModule(cloud: Simulator, deed: ModuleDeed): void {
  const spec = modules[deed.module]
  if (!spec) throw new Error(`the plan names module ${deed.module}, and there is none`)
  const handle = find(cloud, spec)
  if (deed.kind === 'return') {
    if (!handle) cloud.addModule(spec.account, spec)
    return
  }
  // It has vanished in the meantime, and what is not there cannot change.
  if (!handle) return
  switch (deed.kind) {
    case 'vanish':
      cloud.removeModule(spec.networkId, spec.id)
      return
    case 'occupy':
      handle.occupy(deed.seconds)
      return
    case 'rename':
      handle.change({ name: deed.name })
      return
    case 'offline':
    case 'online':
      handle.change({ status: deed.kind })
  }
}

/** Fair weather, and every module there and online. */
export function calmCloud(cloud: Simulator, times: CloudTimes): void {
  doToCloud(cloud, { kind: 'calm' }, times)
  cloud.rotateRefreshTokens('always')
  for (const module of modules.keys()) {
    doToModule(cloud, { kind: 'return', module })
    doToModule(cloud, { kind: 'online', module })
  }
}

function find(cloud: Simulator, { networkId, id }: { readonly networkId: number; readonly id: number }) {
  try {
    return cloud.module(networkId, id)
  } catch {
    return undefined
  }
}
