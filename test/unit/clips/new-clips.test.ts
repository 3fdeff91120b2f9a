import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Comparison, newClips } from '../../../src/clips/new-clips.ts'
import type { KnownClip, ListedClip } from '../../../src/domain/clip.ts'

const now = Date.UTC(2026, 10, 28, 12)
const day = 24 * 60 * 60 * 1000

let ids = 0
const listed = (
  minutesAgo: number,
  cameraName = 'Porch',
  listedSize: number | undefined = 100,
): ListedClip => {
  ids += 1
  return { clipId: String(ids), createdAt: now - minutesAgo * 60_000, listedSize, cameraName }
}

const knownAs = (clip: ListedClip, state: 'listed' | 'removed' = 'listed'): KnownClip => {
  const { createdAt, listedSize, cameraName } = clip
  return { createdAt, listedSize, cameraName, state }
}

const failedAs = (clip: ListedClip, retryAt: number): KnownClip => ({
  ...knownAs(clip),
  ...{ state: 'failed', retryAt, reason: 'cut' },
})

function compare(differing: Partial<Comparison>) {
  const found = newClips({
    ...{ listed: [], known: [], firstSight: false, now, backfillDays: 1, maxPerRun: 20 },
    ...differing,
  })
  return { ...found, ids: found.wanted.map(({ clip }) => clip.clipId) }
}

test('what the ledger does not know is new, newest first', () => {
  const [a, b, c] = [listed(30), listed(10), listed(20)]

  expect(compare({ listed: [a, b, c], known: [knownAs(c)] }).ids).toEqual([b.clipId, a.clipId])
})

test('a clip older than others that are known is new all the same', () => {
  const [late, known] = [listed(500), listed(10)]

  expect(compare({ listed: [late, known], known: [knownAs(known)] }).ids).toEqual([late.clipId])
})

test('clips that are numbered anew are the same clips', () => {
  const clips = [listed(1), listed(2), listed(3)]
  const renumbered = clips.map((clip, place) => ({ ...clip, clipId: clips[(place + 1) % 3]?.clipId ?? '' }))

  expect(compare({ listed: renumbered, known: clips.map((clip) => knownAs(clip)) }).ids).toEqual([])
})

test('two cameras in one second are two clips, and the one that is missing is the new one', () => {
  const [porch, yard] = [listed(5, 'Porch'), listed(5, 'Yard')]

  expect(compare({ listed: [porch, yard] }).wanted).toHaveLength(2)
  expect(compare({ listed: [porch, yard], known: [knownAs(yard)] }).ids).toEqual([porch.clipId])
})

test('two clips of one camera, one second and one size are two', () => {
  const [first, second] = [listed(5), listed(5)]

  expect(compare({ listed: [first, second], known: [knownAs(first)] }).wanted).toHaveLength(1)
  expect(compare({ listed: [first, second], known: [knownAs(first), knownAs(second)] }).ids).toEqual([])
})

test('a renamed camera is not a new stick', () => {
  const clips = [listed(1), listed(2), listed(3)]
  const renamed = clips.map((clip) => ({ ...clip, cameraName: 'FrontPorch' }))

  const found = compare({ listed: renamed, known: clips.map((clip) => knownAs(clip)) })

  expect(found.ids).toEqual([])
  expect(found.renamed.map(({ cameraName }) => cameraName)).toEqual([
    'FrontPorch',
    'FrontPorch',
    'FrontPorch',
  ])
})

test('a clip whose twin of another camera has left the stick is new', () => {
  const [porch, yard] = [listed(5, 'Porch'), listed(5, 'BackYard')]
  const isCamera = (name: string) => ['Porch', 'Back Yard', 'BackYard'].includes(name)

  const found = compare({ listed: [porch], known: [knownAs(yard)], isCamera })

  expect(found.ids).toEqual([porch.clipId])
  expect(found.renamed).toEqual([])
  expect(found.gone).toEqual([knownAs(yard)])
})

test('a manifest without names knows the clips of cameras that are there', () => {
  const clip = listed(5, 'Porch')

  const found = compare({
    listed: [{ ...clip, cameraName: '' }],
    known: [knownAs(clip)],
    isCamera: () => true,
  })

  expect(found.ids).toEqual([])
})

test('a name with and without its signs is one name', () => {
  const clip = listed(1, 'BackDoor')

  expect(compare({ listed: [clip], known: [knownAs({ ...clip, cameraName: 'Back Door' })] }).renamed).toEqual(
    [],
  )
})

test('a manifest without sizes knows the clips of one with sizes, and the other way round', () => {
  const clips = [listed(1, 'Porch', 100), listed(1, 'Yard', 200), listed(2)]
  const bare = clips.map(({ clipId, createdAt, cameraName }) => ({
    clipId,
    createdAt,
    cameraName,
    listedSize: undefined,
  }))

  expect(compare({ listed: bare, known: clips.map((clip) => knownAs(clip)) }).ids).toEqual([])
  expect(compare({ listed: clips, known: bare.map((clip) => knownAs(clip)) }).ids).toEqual([])
  expect(compare({ listed: bare, known: clips.slice(1).map((clip) => knownAs(clip)) }).ids).toEqual([
    clips[0]?.clipId,
  ])
})

test('the same second with another size is another clip', () => {
  const [known, other] = [listed(1, 'Porch', 100), listed(1, 'Porch', 101)]

  expect(compare({ listed: [known, other], known: [knownAs(known)] }).ids).toEqual([other.clipId])
})

test('a page that comes twice adds no clip', () => {
  const clip = listed(1)

  expect(compare({ listed: [clip, clip] }).wanted).toHaveLength(1)
})

test.each([
  [1, ['recent'], ['old', 'ancient']],
  [3, ['recent', 'old'], ['ancient']],
  [0, [], ['future', 'recent', 'old', 'ancient']],
  [-1, ['recent', 'old', 'ancient'], []],
])('at first sight with %d days of backfill: %j', (backfillDays, wanted, tooOld) => {
  const future = listed(-30, 'future')
  const clips = [listed(60, 'recent'), listed(2 * 1440, 'old'), listed(900 * 1440, 'ancient')]
  const all = backfillDays === 0 ? [future, ...clips] : clips

  const found = compare({ listed: all, firstSight: true, backfillDays })

  expect(found.wanted.map(({ clip }) => clip.cameraName)).toEqual(wanted)
  expect(found.tooOld.map(({ cameraName }) => cameraName)).toEqual(tooOld)
})

test('after first sight no clip is too old', () => {
  const clip = listed(900 * 1440)

  expect(compare({ listed: [clip], backfillDays: 0 }).ids).toEqual([clip.clipId])
})

test('a failed clip is wanted again when its time has come', () => {
  const [due, early] = [listed(10), listed(5)]
  const known = [failedAs(due, now), failedAs(early, now + 1)]

  const { wanted } = compare({ listed: [due, early], known })

  expect(wanted).toEqual([{ clip: due, known: known[0] }])
})

test('a clip that retention removed is not downloaded again', () => {
  const clip = listed(10)

  expect(compare({ listed: [clip], known: [knownAs(clip, 'removed')] }).ids).toEqual([])
})

test('what has left the stick is gone, in whatever second', () => {
  const [alone, together, stays] = [listed(10), listed(5, 'Yard'), listed(5)]

  const found = compare({ listed: [stays], known: [knownAs(alone), knownAs(together), knownAs(stays)] })

  expect(found.gone.map(({ createdAt, cameraName }) => [createdAt, cameraName])).toEqual([
    [alone.createdAt, 'Porch'],
    [together.createdAt, 'Yard'],
  ])
})

const someClips = fc
  .array(
    fc.record({
      minutesAgo: fc.nat(6),
      cameraName: fc.constantFrom('Porch', 'Yard', 'Hall'),
      size: fc.constantFrom(100, 101),
    }),
    { maxLength: 14 },
  )
  .map((specs) => specs.map(({ minutesAgo, cameraName, size }) => listed(minutesAgo, cameraName, size)))

test('with any cap, runs until nothing waits download every clip exactly once', () => {
  const steps = fc.array(
    fc.record({
      renumber: fc.boolean(),
      rename: fc.boolean(),
      more: someClips,
    }),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(
      someClips,
      steps,
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      (first, later, maxPerRun, backfill) => {
        let stick: readonly Named[] = named(first, 0)
        const downloads: string[] = []
        let known: readonly KnownClip[] = []
        let firstSight = true

        const run = () => {
          const found = newClips({
            ...{ listed: stick, known, firstSight, now: now + day, maxPerRun },
            backfillDays: backfill ? -1 : 0,
          })
          firstSight = false
          const names = new Map(stick.map((clip) => [clip.clipId, clip.key]))
          downloads.push(...found.wanted.map(({ clip }) => names.get(clip.clipId) ?? ''))
          const renamed = new Map(found.renamed.map((one) => [one.known, one.cameraName]))
          known = [
            ...known.map((one) => ({ ...one, cameraName: renamed.get(one) ?? one.cameraName })),
            ...found.tooOld.map((clip) => knownAs(clip)),
            ...found.wanted.map(({ clip }) => knownAs(clip)),
          ]
          return found.waiting
        }

        run()
        for (const { renumber, rename, more } of later) {
          stick = [...stick, ...named(more, stick.length)]
          if (renumber)
            stick = stick.map((clip, place) => ({ ...clip, clipId: stick.at(place - 1)?.clipId ?? '' }))
          // Only when nothing waits: which of two clips of one second and size is meant is told by the name alone.
          if (rename && known.length === stick.length)
            stick = stick.map((clip) => ({ ...clip, cameraName: `${clip.cameraName}2` }))
          run()
        }
        while (run() > 0);

        const before = backfill ? 0 : first.length
        expect(downloads.toSorted()).toEqual(
          stick
            .slice(before)
            .map(({ key }) => key)
            .toSorted(),
        )
      },
    ),
    { numRuns: 100 },
  )
})

interface Named extends ListedClip {
  readonly key: string
}

function named(clips: readonly ListedClip[], from: number): readonly Named[] {
  return clips.map((clip, place) => ({ ...clip, key: `clip ${from + place}` }))
}

const choice = { since: undefined, camera: undefined, all: false }

test('a choice by camera takes its clips, whatever the name is stripped of, and the rest waits', () => {
  const [porch, yard] = [listed(5, 'FrontPorch'), listed(6, 'Yard')]

  const found = compare({ listed: [porch, yard], choice: { ...choice, camera: 'front porch!' } })

  expect(found.ids).toEqual([porch.clipId])
  expect(found.waiting).toBe(1)
})

test('a choice by time takes what was too old at first sight, now or before, and no newer rest', () => {
  const [old, older, oldest] = [listed(3 * 24 * 60), listed(4 * 24 * 60), listed(9 * 24 * 60)]
  const since = now - 5 * day

  const first = compare({ listed: [old, oldest], firstSight: true, choice: { ...choice, since } })
  const later = compare({
    listed: [old, older, oldest],
    known: [old, older, oldest].map((clip) => knownAs(clip)),
    choice: { ...choice, since },
  })

  expect(first).toMatchObject({ ids: [old.clipId], tooOld: [old, oldest], waiting: 0 })
  expect(later.ids).toEqual([old.clipId, older.clipId])
})

test('a choice of all takes what failed a moment ago, and nothing that retention has removed', () => {
  const [failed, removed, old] = [listed(1), listed(2), listed(90 * 24 * 60)]
  const known = [failedAs(failed, now + day), knownAs(removed, 'removed'), knownAs(old)]

  const found = compare({ listed: [failed, removed, old], known, choice: { ...choice, all: true } })

  expect(found.ids).toEqual([failed.clipId, old.clipId])
})
