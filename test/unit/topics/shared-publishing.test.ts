/** What several daemons publish as one: each of its accounts, and one of them the rest. */
import { expect, test } from 'vitest'
import {
  openBridgePublishing,
  openInstancePublishing,
  type PublishingNeeds,
} from '../../../src/topics/publishing.ts'
import { settle } from '../../support/fake-clock.ts'
import { online, publishing } from '../../support/publishing-fixture.ts'
import { anAccount } from '../../support/retained-fixture.ts'
import { aModule, requested } from '../../support/samples.ts'

/** One that holds every account. */
const asInstance = (needs: PublishingNeeds) =>
  openInstancePublishing({ ...needs, holding: () => new AbortController().signal })
const run = { tickId: '2026-11-23T09:00:00.000Z', trigger: 'schedule', budgetMs: 1_000 } as const
const state = 'b/sync/8021/44107/350221/state'
const other = aModule({ syncModuleId: '7' })

test('an instance publishes nothing but its own birth on a connection', async () => {
  const { connect, published, failures } = publishing({ open: asInstance })

  await connect()

  expect(published).toEqual([online])
  expect(failures).toEqual([])
})

test('an instance publishes what comes of its own accounts', async () => {
  const { connect, notify, published } = publishing({ open: asInstance })
  await connect()

  notify.moduleFinished(requested(), run)
  notify.accountChanged(anAccount())
  await settle()

  expect(published).toContain(state)
  expect(published).toContain('b/account/8021/state')
})

test('an instance clears nothing of what is gone', async () => {
  const { connect, notify, published } = publishing({ open: asInstance })
  await connect()
  published.length = 0

  notify.modulesListed('8021', { found: [], renamed: [], altered: [], gone: [other] })
  notify.accountRemoved('9001')
  await settle()

  expect(published).toEqual(['b/bridge/event'])
})

test('the bridge publishes everything on a connection, and bridge/state last', async () => {
  const { connect, published } = publishing({ open: openBridgePublishing })

  await connect()

  expect(published).toContain(state)
  expect(published.slice(-3)).toEqual(['documents', online, 'orphans'])
})

test('the bridge clears what is gone', async () => {
  const { connect, notify, published } = publishing({ open: openBridgePublishing })
  await connect()
  published.length = 0

  notify.modulesListed('8021', { found: [], renamed: [], altered: [], gone: [other] })
  await settle()

  expect(published).toContain('b/sync/8021/44107/7/state')
})

test('what another instance publishes is left to it, but right after the bridge has published the same', async () => {
  const { connect, notify, published, clock } = publishing({ open: openBridgePublishing })
  await connect()
  published.length = 0
  notify.moduleChanged(aModule(), 'elsewhere')
  await settle()
  expect(published).toContain(state)

  await clock.advance(60_000)
  published.length = 0
  notify.moduleChanged(aModule(), 'elsewhere')
  await settle()

  expect(published).not.toContain(state)
})
