/** Publishes under any order of connects, losses, acknowledgements and stops: each kind in order, and none lost. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PublishRefused } from '../../../src/domain/errors.ts'
import { type Loss, PublishQueue } from '../../../src/mqtt/publish-queue.ts'
import { fakeClock } from '../../support/fake-clock.ts'

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      publish: fc.constantFrom('kept', 'kept', 'stopped'),
      retain: fc.boolean(),
      many: fc.constantFrom(1, 1, 5),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      answer: fc.constantFrom('ack', 'ack', 'ack', 'refuse'),
      many: fc.constantFrom(1, 3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ open: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ lose: fc.constantFrom<Loss['blame']>('none', 'none', 'possible', 'certain') }),
  },
  { weight: 1, arbitrary: fc.record({ passMs: fc.constantFrom(100, 10_000) }) },
  { weight: 1, arbitrary: fc.constant({ stop: true }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Sent {
  readonly number: number
  readonly retain: boolean
  readonly done: (refusal?: PublishRefused) => void
}

const stopped = new Error('stopped')
const refusal = new PublishRefused('not now', 0x97)

/** Lets it all happen, then acknowledges what is left; returns which rules were broken. */
async function play(steps: readonly Step[]): Promise<readonly string[]> {
  const clock = fakeClock()
  const outstanding = new PublishQueue({ clock })
  const broken: string[] = []
  const ends = new Map<number, string>()
  const expected = new Map<number, string>()
  let published = 0
  let stop = new AbortController()
  /** On the link of this moment, and what the broker has not answered of it. */
  let sent: Sent[] | undefined
  let unanswered: Sent[] = []
  let dead: Sent[] = []

  const publish = (signal: AbortSignal, retain: boolean) => {
    const number = published++
    outstanding.publish({ topic: 't', payload: String(number), retain }, signal).then(
      () => ends.set(number, 'ack'),
      (error: unknown) => ends.set(number, error === stopped ? 'stopped' : 'refused'),
    )
  }
  const open = (window: number) => {
    const here: Sent[] = []
    sent = here
    outstanding.opened({
      window,
      giveUp: () => broken.push('the link was given up'),
      subscribe: () => undefined,
      ping: (done) => queueMicrotask(done),
      publish({ payload, retain }, done) {
        const number = Number(payload)
        const last = here.findLast((one) => one.retain === retain)
        if (here !== sent) broken.push(`${number} was sent on a link that is lost`)
        if (last && last.number >= number) broken.push(`${number} was sent after ${last.number}`)
        if (expected.has(number)) broken.push(`${number} was sent, and it was at its end`)
        if (unanswered.length >= window) broken.push(`${number} did not fit into the window`)
        const one = { number, retain, done }
        here.push(one)
        unanswered.push(one)
      },
    })
  }
  const lose = (blame: Loss['blame']) => {
    dead = unanswered
    unanswered = []
    sent = undefined
    outstanding.lost({ blame, reasonCode: undefined, answered: true })
  }
  const answer = (how: 'ack' | 'refuse', many: number) => {
    // Of a lost link: nobody may listen.
    for (const { done } of dead.splice(0, many)) done()
    for (const { number, done } of unanswered.splice(0, many)) {
      if (!expected.has(number)) expected.set(number, how === 'ack' ? 'ack' : 'refused')
      done(how === 'ack' ? undefined : refusal)
    }
  }
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

  for (const each of steps) {
    if ('publish' in each) {
      for (let nth = 0; nth < each.many; nth++)
        publish(each.publish === 'kept' ? new AbortController().signal : stop.signal, each.retain)
    } else if ('answer' in each) answer(each.answer, each.many)
    else if ('open' in each && !sent) open(each.open)
    else if ('lose' in each && sent) lose(each.lose)
    else if ('passMs' in each) await clock.advance(each.passMs)
    else if ('stop' in each) {
      stop.abort(stopped)
      stop = new AbortController()
    }
    await turn()
    // What it refuses by itself, and what was stopped, is at its end as well.
    for (const [number, end] of ends) if (!expected.has(number)) expected.set(number, end)
    if (broken.length > 0) return broken
  }
  if (!sent) open(2)
  for (let rounds = 0; rounds <= published; rounds++) {
    await turn()
    answer('ack', 4)
  }
  await turn()
  for (let number = 0; number < published; number++) {
    const [is, was] = [ends.get(number), expected.get(number)]
    if (is === undefined) broken.push(`${number} never came to an end`)
    else if (is !== was) broken.push(`${number} came to ${was ?? 'nothing'}, and was reported as ${is}`)
  }
  return broken
}

test('publishes of a kind are sent in order and end once, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      expect(await play(steps)).toEqual([])
    }),
    { numRuns: 200 },
  )
})
