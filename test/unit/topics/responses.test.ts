/** What `health` answers, whatever is wrong. */
import { expect, test } from 'vitest'
import { healthOf } from '../../../src/commands/health.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { fakeClock } from '../../support/fake-clock.ts'

const clock = fakeClock()
const broker = {
  state: { connected: false, protocol: undefined, since: clock.now(), lastError: 'refused', reconnects: 0 },
}

function health({ trouble, count }: { trouble?: StoreFailed; count: () => number }) {
  const stores = { ledger: { trouble, count }, outbox: { count } }
  return healthOf({ version: '1.2.3', accounts: [], broker, stores, slots: () => [], begun: 0, clock })
}

test('the store tells how many modules it knows and how many ids wait', () => {
  expect(health({ count: () => 3 })).toMatchObject({
    store: { state: 'ok', detail: null },
    modules: 3,
    waiting: 3,
  })
})

test('a disk that takes no more is told with what it holds', () => {
  const trouble = new StoreFailed('no room for an answer', {})

  expect(health({ trouble, count: () => 3 })).toMatchObject({
    store: { state: 'failing', detail: 'no room for an answer' },
    modules: 3,
  })
})

test('a disk that cannot be read is told, and the other parts with it', () => {
  const count = () => {
    throw new StoreFailed('cannot read state.db', {})
  }

  expect(health({ count })).toMatchObject({
    mqtt: { connected: false },
    store: { state: 'failing', detail: 'cannot read state.db' },
    modules: null,
    waiting: null,
  })
})
