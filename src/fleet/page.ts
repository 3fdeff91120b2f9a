/** What the pages of all instances have in common. */
import { hkdfSync } from 'node:crypto'
import type { SharedStorage } from '../domain/fleet.ts'
import type { Secret } from '../domain/secret.ts'
import type { SharedPage } from '../web/web.ts'

export interface PageNeeds extends Pick<SharedPage, 'accountsInWork' | 'holdsBridge' | 'instance'> {
  readonly storage: Pick<SharedStorage, 'instances' | 'runs' | 'sessions'>
  /** Of the setting `store.key`. */
  readonly key: Secret | undefined
}

export function sharedPage({ storage, key, ...own }: PageNeeds): SharedPage {
  const { instances, runs, sessions } = storage
  const formKey = new Uint8Array(hkdfSync('sha256', key?.reveal() ?? '', '', 'forms of the page', 32))
  return { ...own, sessions, formKey, instances, lastRun: () => runs.lastEnded() }
}
