/** Text from elsewhere on every page: whatever it is, the page has the same elements and attributes as with any other. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LedgerClip } from '../../../src/domain/clip.ts'
import type { Storage } from '../../../src/domain/ports.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { drivesTerminal, hostileNames, hostileText } from '../../support/hostile.ts'
import { snapshotOf } from '../../support/module-snapshots.ts'
import { anAccount, type OpenedPage, openPage } from '../../support/page.ts'
import { aModule, failed, newRecord, recordAfter, start } from '../../support/samples.ts'

const paths = [
  ...['/', '/accounts', '/accounts/sign-in', '/accounts/import', '/accounts/sign-out?account=login-1'],
  ...[
    '/modules',
    '/modules/8021/44107/350221',
    '/clips',
    '/clips/1',
    '/clips/2',
    '/log?level=trace',
    '/settings',
  ],
]

/** Everything that somebody else can choose is this text. */
function pageWith(text: string): OpenedPage {
  const module = aModule({ name: text, networkName: text, model: text, firmware: text, serial: text })
  const failure = { code: text, message: text, remedy: text, retryable: false }
  const record = recordAfter(newRecord(module), failed({ module, failure }))
  const clip = { cameraName: text, createdAt: start, listedSize: 1, module }
  const file = {
    ...{ path: text, bytes: 1, sha256: 'ab', eventId: 'e', camera: text },
    ...{ requestId: '501', downloadedAt: start },
  }
  const clips: readonly (LedgerClip & { module: typeof module })[] = [
    { ...clip, row: 1, state: 'saved', file },
    { ...clip, row: 2, state: 'failed', retryAt: start, reason: text },
  ]
  const credentials = {
    ...{ key: 'login-1', source: 'login', fingerprint: text, clientId: text, accountId: '8021' },
    ...{ refreshToken: new Secret(text), region: text, hardwareId: text, refusedAt: undefined },
  }
  const unusable = {
    ...credentials,
    key: text,
    accountId: undefined,
    unusable: { message: text, remedy: text },
  }
  const storage = {
    credentials: { list: async () => [credentials, unusable], changedAt: async () => start },
    clips: {
      clipsOf: async () => clips,
      clip: async (row: number) => clips.find((one) => one.row === row),
    },
  } as unknown as Partial<Storage>
  const counts = {
    ...{ count: 2, waiting: 0, newestAt: start, oldestAt: start, lastError: text },
    ...{ fresh: 0, downloaded: 1, failed: 1, bytes: 1 },
  }
  return openPage({
    env: { CLIPS_ENABLED: 'true' },
    accounts: [{ ...anAccount, status: 'login_required', detail: text, retryAt: start }],
    modules: [snapshotOf(record, { clips: counts as never })],
    lines: [{ at: start, level: 'warn', message: text, fields: { name: text, list: [text] } }],
    health: {
      broker: { connected: false, protocol: 5, since: start, lastError: text, reconnects: 0 },
      store: { state: 'failing', detail: text },
    },
    storage,
    shown: [{ name: 'dataDir', value: text, origin: text }],
  })
}

/** The elements and their attributes, in order, without what they hold. */
const skeleton = (text: string) =>
  (text.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/"[^"]*"/g, '""')).join('\n')

/** What a person sees; what an address or a field holds has its own rules. */
const seen = (text: string) => text.replace(/ (value|href|src)="[^"]*"/g, '')

async function pages(text: string): Promise<readonly string[]> {
  const page = pageWith(text)
  const texts: string[] = []
  for (const path of paths) {
    const answer = await page.get(path)
    expect([path, answer.status]).toEqual([path, 200])
    texts.push(answer.text)
  }
  return texts
}

let plain: readonly string[] | undefined
const expectedSkeletons = async () => (plain ??= (await pages('Hall')).map(skeleton))

test.each(
  hostileNames.map((name) => [JSON.stringify(name).slice(0, 40), name]),
)('a name of %s is a text and nothing else on every page', async (_, name) => {
  const expected = await expectedSkeletons()
  for (const [index, text] of (await pages(name)).entries()) {
    expect(skeleton(text)).toBe(expected[index])
    expect(seen(text)).not.toMatch(drivesTerminal)
  }
})

test('any text is a text and nothing else on every page', async () => {
  const expected = await expectedSkeletons()
  // An empty name is shown by other words.
  const names = hostileText.filter((text) => text.trim() !== '')
  const holds = fc.asyncProperty(names, async (name) => {
    expect((await pages(name)).map(skeleton)).toEqual(expected)
  })
  await fc.assert(holds, { numRuns: 20 })
})

test('a text that was searched for is shown as a text', async () => {
  const page = pageWith('Hall')
  const expected = skeleton((await page.get('/log?search=nothing')).text)
  for (const name of hostileNames) {
    const query = encodeURIComponent(name.toWellFormed())
    expect(skeleton((await page.get(`/log?search=${query}`)).text)).toBe(expected)
    expect((await page.get(`/clips?camera=${query}&day=${query}`)).text).not.toMatch(/<img|<script>/)
  }
})
