/** The real program on files that fail, each error code with its own sentence and exit code. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compileNoLocks, faultTest, runWithFault } from '../support/faulty-files.ts'
import { startWorld, type World } from '../support/world.ts'

const lasting = ['EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENOTDIR', 'ELOOP']
const passing = ['ENOSPC', 'EDQUOT', 'EIO', 'ESTALE']

/** Operations of a start, with the system calls behind each and what is said to be impossible. */
const operations = [
  ['install.json', 'openat', 'cannot read'],
  ['reserve', 'statx,stat,newfstatat', 'cannot use'],
  ['state.db', 'openat,access,faccessat,faccessat2', 'cannot open'],
  ['logins', 'mkdir', 'cannot make the directory'],
  ['reserve', 'openat', 'cannot write to'],
  ['state.db', 'chmod,fchmod,fchmodat', 'cannot open'],
  ['starts.json', 'openat', 'cannot read'],
  ['logins', 'openat', 'cannot read the directory'],
  ['.install.json.0.draft', 'openat,fsync', 'cannot write'],
  ['logins/paused.json', 'openat', 'cannot read'],
] as const

for (const [at, code] of [...lasting, ...passing].entries()) {
  faultTest(`${code} at a start has a sentence and an exit code of its own`, async () => {
    await using world = await startWorld({ broker: false })
    for (const turn of [0, 3]) {
      const [name, calls, sentence] = operations[(at + turn) % operations.length] ?? expect.fail()
      const dataDir = join(world.directory, String(turn))
      mkdirSync(dataDir)
      writeFileSync(join(dataDir, 'state.db'), '')
      const env = { ...world.env, BLINK_MANIFESTD_DATA_DIR: dataDir }

      const fault = { path: join(dataDir, name), calls, code }
      const { code: exit, stderr } = runWithFault(['once'], fault, { env, cwd: world.directory })

      const said = stderr.split('\n').filter((line) => !line.startsWith('{'))
      expect({ name, calls, exit, said }).toMatchObject({
        exit: lasting.includes(code) ? 78 : 75,
        said: [expect.stringContaining(`blink-manifestd: ${sentence}`), expect.any(String), ''],
      })
    }
  })
}

/** Things that are no regular file, by what is said of them. */
const odd = [
  ['a pipe', (path: string) => void execFileSync('mkfifo', [path]), 'a pipe, a socket or a device'],
  ['a directory', (path: string) => mkdirSync(path), 'is a directory, not a file'],
  ['a symlink loop', (path: string) => symlinkSync(path, path), 'symbolic links go round in a circle'],
] as const

const stateFiles = ['reserve', 'state.db', 'install.json', 'starts.json', 'logins/paused.json']

for (const [what, make, said] of odd) {
  test(`${what} in place of a state file is a sentence and 78`, async () => {
    await using world = await startWorld({ broker: false })
    for (const name of stateFiles) {
      const dataDir = join(world.directory, name.replace('/', '-'))
      mkdirSync(join(dataDir, 'logins'), { recursive: true })
      make(join(dataDir, name))

      const { code, stderr } = await world.finish(['once'], { BLINK_MANIFESTD_DATA_DIR: dataDir })

      expect({ name, code, stderr }).toMatchObject({ code: 78, stderr: expect.stringContaining(said) })
      expect(stderr).toContain(name)
    }
  })

  test(`${what} in place of settings or a secret is a sentence`, async () => {
    await using world = await startWorld({ broker: false })
    const path = join(world.directory, 'odd')
    make(path)

    const ends = [
      await world.finish(['config', '--config', path]),
      await world.finish(['config'], { MQTT_USERNAME: 'me', MQTT_PASSWORD_FILE: path }),
      await world.finish(['config'], { MQTT_URL: 'mqtts://127.0.0.1', MQTT_CA: path }),
      await world.finish(['login', '--import', path]),
    ]

    expect(ends.map(({ code }) => code)).toEqual([78, 78, 78, 64])
    for (const { stderr } of ends) expect(stderr).toContain(said)
  })
}

/** Runs the program as a user who owns nothing here. */
function asNobody(world: World, dataDir: string) {
  const env = { BLINK_MANIFESTD_DATA_DIR: dataDir }
  return world.start(['once'], env, { uid: 65_534, gid: 65_534 }).finished()
}

const isRoot = process.getuid?.() === 0

test.skipIf(!isRoot)('files and directories of another user are a sentence each, and 78', async () => {
  await using world = await startWorld({ broker: false })
  chmodSync(world.directory, 0o777)
  const root = join(world.directory, 'root')
  mkdirSync(root, { mode: 0o700 })
  const ends = [await asNobody(world, root), await asNobody(world, join(root, 'data'))]
  for (const name of stateFiles) {
    const dataDir = join(world.directory, name.replace('/', '-'))
    mkdirSync(join(dataDir, 'logins'), { recursive: true })
    writeFileSync(join(dataDir, name), '', { mode: 0o600 })
    for (const directory of [dataDir, join(dataDir, 'logins')]) chmodSync(directory, 0o777)

    ends.push(await asNobody(world, dataDir))
  }

  for (const { code, stderr } of ends) {
    expect({ code, stderr }).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('This user lacks the permission'),
    })
  }
})

test('a file system without locks is named', async ({ skip }) => {
  await using world = await startWorld({ broker: false })
  const library = compileNoLocks(world.directory)
  if (library === undefined) return skip('nothing can be compiled here')

  const { code, stderr } = await world.finish(['once'], { LD_PRELOAD: library })

  expect({ code, stderr }).toMatchObject({ code: 78 })
  expect(stderr).toContain('state.db: the file system has no locks\nSet dataDir to a directory on a disk')
})
