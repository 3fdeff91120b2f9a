import { expect, test } from 'vitest'
import { createNotifier } from '../../../src/domain/notifier.ts'
import { readableLog } from '../../support/samples.ts'

test('an observer that throws is logged once and keeps nothing from the others', () => {
  const log = readableLog()
  const notify = createNotifier(log)
  const removed: string[] = []
  const bug = new TypeError('a bug')
  notify.add(
    {
      accountRemoved() {
        throw bug
      },
    },
    { accountRemoved: (accountId) => removed.push(accountId) },
  )

  notify.accountRemoved('8021')
  notify.accountRemoved('8022')

  expect(removed).toEqual(['8021', '8022'])
  expect(log.lines).toMatchObject([{ level: 'error', fields: { err: bug } }])
})

test('observers are notified in the order in which they were added', () => {
  const notify = createNotifier(readableLog())
  const order: string[] = []
  notify.add({ republishRequested: () => order.push('first') })
  notify.add(
    { republishRequested: () => order.push('second') },
    { rescanRequested: () => order.push('never') },
  )

  notify.republishRequested()

  expect(order).toEqual(['first', 'second'])
})
