/** Open pages hear of changes, cost little, and are bounded in number. */
import { expect, test } from 'vitest'
import { openPage } from '../../support/page.ts'
import { aModule, start } from '../../support/samples.ts'

const run = { tickId: new Date(start).toISOString(), trigger: 'schedule', budgetMs: 60_000 } as const

/** A page with a stream, and what has come by it. */
async function listening() {
  const page = openPage()
  const answer = await page.send('/live', {})
  const reader = answer.body?.getReader()
  const read = async () => new TextDecoder().decode((await reader?.read())?.value)
  expect(await read()).toBe('retry: 3000\n\n')
  const notify = (change: 'clips' | 'modules' | 'run') => {
    for (const one of page.web.observers) {
      if (change === 'clips') one.clipsChanged?.(aModule())
      else if (change === 'modules') one.moduleChanged?.(aModule(), 'polling')
      else one.runFinished?.(run, { requested: 1, failed: 0, skipped: 0, elapsedMs: 1 })
    }
  }
  return { ...page, answer, reader, read, notify }
}

test('changes of a second come together, and say what has changed', async () => {
  const { answer, read, notify, clock } = await listening()
  for (let count = 0; count < 100; count++) notify('modules')
  notify('clips')

  await clock.advance(1_000)

  expect(await read()).toBe('event: change\ndata: modules clips\n\n')
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  expect(answer.headers.get('content-encoding')).toBeNull()
  notify('run')
  await clock.advance(1_000)
  expect(await read()).toBe('event: change\ndata: state\n\n')
})

test('whoever does not read gets all that has changed at once, later', async () => {
  const { read, notify, clock } = await listening()
  for (const change of ['modules', 'clips', 'run', 'modules'] as const) {
    notify(change)
    await clock.advance(1_000)
  }

  expect(await read()).toBe('event: change\ndata: modules\n\n')
  expect(await read()).toBe('event: change\ndata: clips state modules\n\n')
})

test('a quiet stream breathes, so that no proxy ends it', async () => {
  const { read, clock } = await listening()

  await clock.advance(25_000)

  expect(await read()).toBe(':\n\n')
})

test('there are so many streams and no more, until one ends', async () => {
  const page = openPage()
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => page.send('/live', {})))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(64)
  expect(answers.filter(({ status }) => status === 503)).toHaveLength(936)
  expect((await page.send('/live', { method: 'HEAD' })).status).toBe(200)

  await answers.find(({ status }) => status === 200)?.body?.cancel()

  expect((await page.send('/live', {})).status).toBe(200)
  expect((await page.send('/live', {})).status).toBe(503)
})

test('a stop ends the streams, and a timer does not outlive the last of them', async () => {
  const { web, reader, notify, clock } = await listening()
  notify('modules')

  await web.stop()

  expect((await reader?.read())?.done).toBe(true)
  expect(clock.sleeping).toBe(0)
})

test('without the password there is no stream', async () => {
  const page = openPage({ env: { WEB_PASSWORD: 'correct-horse' } })

  expect((await page.send('/live', {})).status).toBe(401)
})
