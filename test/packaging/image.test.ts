/** The container image: what is in it, who may read it, and that it runs where only `/data` can be written. */
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { sizeOf } from '../bench/sizes.ts'
import { buildImage } from '../support/image.ts'
import { mountTest } from '../support/mounts.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const project = join(import.meta.dirname, '../..')
const image = buildImage()
afterAll(() => image[Symbol.dispose]())

const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as Record<string, string>
const labels = new Map(
  image.stage.last('LABEL').words.map((word) => word.split(/=(.*)/s, 2) as [string, string]),
)

test('what the Dockerfile copies is in the build context', () => {
  expect(image.hidden).toEqual([])
})

test('the image has the program, its settings and licences, and nothing else', () => {
  const files = globSync('**/*', { cwd: join(image.root, 'app') })
  const kinds = new Set(files.map((path) => path.split('/')[0]))

  expect([...kinds].sort()).toEqual(['LICENSE', 'config', 'dist', 'package.json'])
  expect(files).toEqual(
    expect.arrayContaining(['config/example.yaml', 'dist/main.js', 'dist/third-party-licences.txt']),
  )
})

test('nothing in the image is made for one kind of processor', () => {
  const texts = /\.(js|map|txt|json|yaml)$|LICENSE$/
  const others = globSync('**/*', { cwd: image.root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .filter(({ name }) => !texts.test(name))

  expect(others.map(({ name }) => name)).toEqual([])
  expect(image.stage.last('FROM').flags.has('platform')).toBe(false)
})

test('everyone may read the image, and only its owner may change it', () => {
  const app = join(image.root, 'app')
  const wrong = ['.', ...globSync('**/*', { cwd: app })].filter((path) => {
    const { mode, uid } = statSync(join(app, path))
    const isDirectory = statSync(join(app, path)).isDirectory()
    return (mode & 0o777) !== (isDirectory ? 0o755 : 0o644) || uid !== process.getuid?.()
  })

  expect(wrong).toEqual([])
  const data = statSync(join(image.root, 'data'))
  expect([data.mode & 0o777, `${data.uid}:${data.gid}`]).toEqual([0o700, image.stage.last('USER').text])
})

test('the labels of the image are true', () => {
  expect(Object.fromEntries(labels)).toEqual({
    'org.opencontainers.image.title': manifest.name,
    'org.opencontainers.image.description': expect.stringContaining('Blink'),
    'org.opencontainers.image.version': manifest.version,
    'org.opencontainers.image.licenses': manifest.license,
    'org.opencontainers.image.base.name': `docker.io/library/${image.stage.last('FROM').words[0]}`,
  })
})

test('the image adds less than 20 MB to its base', () => {
  const { bytes } = sizeOf(join(image.root, 'app'))
  console.info(`the image adds ${(bytes / 1e6).toFixed(1)} MB to its base, besides tini`)

  expect(bytes).toBeLessThan(20e6)
})

test('dockerfilelint finds nothing but its two false alarms', () => {
  const lint = join(project, 'node_modules/.bin/dockerfilelint')
  const { stdout } = spawnSync(lint, ['-o', 'json', 'Dockerfile'], { cwd: project, encoding: 'utf8' })
  const { files } = JSON.parse(stdout) as {
    readonly files: readonly { readonly issues: readonly { content: string; title: string }[] }[]
  }
  const issues = files.flatMap((file) => file.issues)

  // It reads neither a platform before the name of the base nor the JSON form of a health check.
  expect(issues.map(({ content, title }) => `${title}: ${content.split(' ', 2).join(' ')}`)).toEqual([
    'Base Image Missing Tag: FROM --platform=$BUILDPLATFORM',
    'Invalid Argument Format: HEALTHCHECK --interval=60s',
  ])
})

const entryPoint = image.stage.last('ENTRYPOINT').words
const command = [...entryPoint, ...image.stage.last('CMD').words]
const healthCheck = image.stage.last('HEALTHCHECK').words

mountTest('only /data can be written in the image, and only by its user', async () => {
  const script = 'id -u; for path in /app /etc /data; do touch $path/x && echo wrote $path; done'
  const contained = image.start(['sh', '-c', script])

  expect(await contained.ended).toBe(0)
  expect(contained.output()).toContain('1000\n')
  expect(contained.output().match(/wrote .*/g)).toEqual(['wrote /data'])
  expect(contained.output().match(/Read-only file system/g)).toHaveLength(2)
})

mountTest('the image publishes, is healthy, and stops in 2 s on SIGTERM', async () => {
  await using world = await startWorld()
  const observer = await world.observer()
  const { BLINK_MANIFESTD_DATA_DIR: _, ...env } = world.env
  const unhealthy = image.start(healthCheck)
  expect(await unhealthy.ended, unhealthy.output()).toBe(1)

  const daemon = image.start(command, env)
  const published = () => observer.on('/manifest/requested').length > 0
  await until('a request ID', published, { state: daemon.output })
  const startedAt = performance.now()
  const healthy = image.start(healthCheck)
  expect(await healthy.ended, healthy.output()).toBe(0)
  const healthCheckMs = performance.now() - startedAt
  const stoppedAt = performance.now()
  daemon.process.kill('SIGTERM')

  expect(await daemon.ended, daemon.output()).toBe(0)
  const stopMs = performance.now() - stoppedAt
  console.info(`health check ${healthCheckMs.toFixed(0)} ms, SIGTERM to exit ${stopMs.toFixed(0)} ms`)
  // On a busy machine everything takes longer: a start of Node.js says how much.
  expect(stopMs).toBeLessThan(Math.max(2_000, 4 * healthCheckMs))
  expect(daemon.output()).not.toMatch(/EROFS|read-only/i)
})

mountTest('the command for a support bundle in the documents is one of the image', async () => {
  const page = readFileSync(join(project, 'docs/operations.md'), 'utf8')
  const [, words = ''] = /`docker exec <container> ([^`>]+?) >/.exec(page) ?? []

  const contained = image.start(words.split(' '))

  expect(await contained.ended, contained.output()).toBe(0)
  expect(JSON.parse(contained.output())).toMatchObject({
    schema: 1,
    versions: { blink_manifestd: manifest.version },
  })
})
