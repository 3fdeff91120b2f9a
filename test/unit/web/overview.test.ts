import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { RunCounts } from '../../../src/domain/model.ts'
import { textOf } from '../../../src/domain/words.ts'
import { memorySessions } from '../../../src/web/memory-sessions.ts'
import { howThingsAre } from '../../../src/web/pages/overview.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { anAccount, openPage } from '../../support/page.ts'
import { start } from '../../support/samples.ts'

const minutes = (at: number) => new Date(at).toISOString().slice(11, 16)
const counts = (requested: number, failed = 0, skipped = 0): RunCounts => ({
  ...{ requested, failed, skipped },
  elapsedMs: 1_000,
})
const health = { modules: 3, nextRunAt: start + 900_000, accounts: [anAccount] }
const sentence = (...facts: Parameters<typeof howThingsAre>) => textOf(howThingsAre(...facts), minutes)

test('one sentence says what the last run has brought, and when the next one is', () => {
  expect(sentence(health, { at: start + 720_000, counts: counts(2, 1) })).toBe(
    '2 of 3 modules answered at 09:12; next run 09:15.',
  )
  expect(sentence({ ...health, modules: 1 }, { at: start, counts: counts(1) })).toBe(
    '1 of 1 module answered at 09:00; next run 09:15.',
  )
})

test('before the first run the sentence says that there was none', () => {
  expect(sentence(health, undefined)).toBe('Nothing was requested since the start; next run 09:15.')
  expect(sentence({ ...health, nextRunAt: undefined }, undefined)).toBe(
    'Nothing was requested since the start; no further run is planned.',
  )
})

test('without an account in use the sentence says so', () => {
  expect(sentence({ ...health, accounts: [] }, undefined)).toBe('No account is in use yet; next run 09:15.')
})

test('the sentence says when all accounts wait for a person', () => {
  const accounts = [{ ...anAccount, status: 'login_required' as const }]

  expect(sentence({ ...health, accounts }, { at: start, counts: counts(0, 0, 3) })).toBe(
    'Nothing is requested: somebody must sign in; next run 09:15.',
  )
})

test('the overview shows broker, accounts, budget, outbox and disk', async () => {
  const page = openPage({
    spent: { spent: 17, limit: 26_064 },
    health: {
      waiting: 4,
      broker: { connected: false, protocol: 5, since: start, lastError: 'ECONNREFUSED', reconnects: 0 },
    },
  })

  const { status, text } = await page.get('/')

  expect(status).toBe(200)
  expect(text).toContain('<h1>Overview</h1>')
  expect(text).toMatch(/not connected<\/span> since <time[^>]*>.*<\/time>: ECONNREFUSED/)
  expect(text).toContain('17 of 26,064')
  expect(text).toMatch(/wait for the broker<\/dt><dd>4</)
  expect(text).toMatch(/GB free/)
})

test('a page that is not there is 404 with a way back', async () => {
  const { status, text } = await openPage().get('/modules/../nothing/here')

  expect(status).toBe(404)
  expect(text).toContain('href="../"')
})

test('a disk that cannot be read is shown with what to do, and a bug is not', async () => {
  const failing = (error: Error) =>
    openPage({ storage: { credentials: { list: () => Promise.reject(error) } as never } })
  const disk = failing(new StoreFailed('cannot read the logins', { remedy: 'Is the disk there?' }))
  const bug = failing(new Error('inner detail'))

  expect(await disk.get('/accounts')).toMatchObject({
    status: 503,
    text: 'cannot read the logins\nIs the disk there?\n',
  })
  expect(await bug.get('/accounts')).toMatchObject({
    status: 500,
    text: expect.not.stringContaining('inner'),
  })
  expect(bug.log.lines).toMatchObject([{ level: 'error', message: 'page failed' }])
})

test('of many accounts the overview shows a hundred, those with trouble first', async () => {
  const accounts = Array.from({ length: 150 }, (_, index) => ({
    ...anAccount,
    accountId: String(1_000 + index),
    status: index === 149 ? ('login_required' as const) : ('ok' as const),
  }))
  const { text } = await openPage({ accounts }).get('/')

  const shown = [...text.matchAll(/role="rowheader">(\d+)</g)].map(([, id]) => id)
  expect([shown.length, shown[0], shown[1]]).toEqual([100, '1149', '1000'])
  expect(text).toMatch(/50 more are <a href="\.\/accounts">/)
})

test('where several daemons share the work the overview lists them', async () => {
  const instances = [
    { name: 'one', accountsInWork: 1_200, seenAt: start, holdsBridge: true },
    { name: '<b>two', accountsInWork: 0, seenAt: start, holdsBridge: false },
  ]
  const shared = {
    ...{ sessions: memorySessions(fakeClock()), formKey: new Uint8Array(32), instance: 'one' },
    instances: async () => instances,
    lastRun: async () => ({ at: start, counts: { requested: 2, failed: 1, skipped: 0 } }),
    ...{ accountsInWork: () => 0, holdsBridge: () => true },
  }
  const page = openPage({ needs: { shared } })

  const { text } = await page.get('/')

  const cells = text.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
  expect(cells).toMatch(/one \(this page\) 1,200 \S+ \S+ UTC yes/)
  expect(cells).toMatch(/&lt;b&gt;two 0 \S+ \S+ UTC no/)
  expect(text).toContain('2 answered, 1 failed, 0 skipped')
})
