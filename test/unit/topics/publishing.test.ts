/** What is published on a connection, and in which order. */
import { expect, test } from 'vitest'
import { settle } from '../../support/fake-clock.ts'
import { online, publishing } from '../../support/publishing-fixture.ts'

test('on a connection state comes first, then documents, then bridge/state', async () => {
  const { connect, published, failures } = publishing()

  await connect()

  expect(published).toHaveLength(11)
  expect(published.slice(0, -3)).toContain('b/sync/8021/44107/350221/state')
  expect(published.slice(-3)).toEqual(['documents', online, 'orphans'])
  expect(failures).toEqual([])
})

test('what is left of manifests that are followed no longer is cleared after the documents', async () => {
  const { connect, published, failures } = publishing({ unfollowed: true })

  await connect()

  const cleared = published.indexOf('b/sync/8021/44107/350221/clips')
  expect(cleared).toBeGreaterThan(published.indexOf('documents'))
  expect(cleared).toBeLessThan(published.indexOf(online))
  expect(failures).toEqual([])
})

test('nothing is promised before the broker has acknowledged what comes before it', async () => {
  const { connect, published, slow, acknowledge } = publishing()
  slow()
  await connect()
  expect(published).not.toContain('documents')

  await acknowledge()
  expect(published.at(-1)).toBe('documents')
  await acknowledge()
  expect(published.at(-1)).toBe(online)
})

test('of short connections only the last publishes documents and bridge/state', async () => {
  const { connect, lose, published, slow, acknowledge } = publishing()
  slow()
  for (let connection = 0; connection < 4; connection++) {
    await connect()
    await lose()
  }
  await connect()

  for (let round = 0; round < 10; round++) await acknowledge()

  expect(published.filter((topic) => topic === 'documents')).toHaveLength(1)
  expect(published.filter((topic) => topic === online)).toHaveLength(1)
})

test('a rescan while a connection is set up does not leave the documents out', async () => {
  const { connect, notify, published, slow, acknowledge } = publishing()
  slow()
  await connect()

  notify.republishRequested()
  for (let round = 0; round < 10; round++) await acknowledge()

  expect(published.filter((topic) => topic === 'documents')).toHaveLength(1)
})

test('a rescan publishes the state and bridge/state again, and no document', async () => {
  const { connect, notify, published } = publishing()
  await connect()
  const from = published.length

  notify.republishRequested()
  await settle()

  expect(published.slice(from)).toContain('b/sync/8021/44107/350221/state')
  expect(published.slice(from)).toContain(online)
  expect(published.slice(from)).not.toContain('documents')
})

test('what waits is settled without the search for orphans', async () => {
  const { connect, opened, published, slow, acknowledge } = publishing()
  slow()
  await connect()
  let isSettled = false
  void opened.settled().then(() => {
    isSettled = true
  })
  await settle()
  expect(isSettled).toBe(false)

  for (let round = 0; round < 5; round++) await acknowledge()
  expect(isSettled).toBe(true)
  expect(published).toContain(online)
})
