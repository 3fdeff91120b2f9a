import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { directoryWith, load, loadFile, problemsOf, problemsOfFile } from '../../support/place.ts'

test('the file is named by command line, environment, or else is config/local.yaml', () => {
  const cwd = directoryWith({
    'config/local.yaml': 'mqtt: {clientId: usual}',
    'env.yaml': 'mqtt: {clientId: env}',
    'line.yaml': 'mqtt: {clientId: line}',
  })
  const env = { BLINK_MANIFESTD_CONFIG: 'env.yaml' }
  const found = (loaded: ReturnType<typeof load>) => [loaded.settings.mqtt.clientId, loaded.file]

  expect(found(load({ cwd }))).toEqual(['usual', join(cwd, 'config/local.yaml')])
  expect(found(load({ cwd, env: { BLINK_MANIFESTD_CONFIG: '' } }))).toEqual([
    'usual',
    join(cwd, 'config/local.yaml'),
  ])
  expect(found(load({ cwd, env }))).toEqual(['env', join(cwd, 'env.yaml')])
  expect(found(load({ cwd, env, configPath: 'line.yaml' }))).toEqual(['line', join(cwd, 'line.yaml')])
})

test('a file that was named must be there', () => {
  const cwd = directoryWith()
  const message = `cannot read ${join(cwd, 'none.yaml')}: there is no such file`

  expect(problemsOf({ cwd, configPath: 'none.yaml' })).toEqual([
    { place: 'settings file (command line --config)', message },
  ])
  expect(problemsOf({ cwd, env: { BLINK_MANIFESTD_CONFIG: 'none.yaml' } })).toEqual([
    { place: 'settings file (environment BLINK_MANIFESTD_CONFIG)', message },
  ])
  expect(problemsOf({ cwd, configPath: '' })[0]?.message).toBe('must be a path, but is empty')
  expect(problemsOf({ cwd, configPath: 'a\0b' })[0]?.message).toContain('without control characters')
})

test('a file that cannot be read says why', () => {
  const directory = directoryWith()
  mkdirSync(join(directory, 'config/local.yaml'), { recursive: true })

  expect(problemsOf({ cwd: directory })[0]?.message).toContain('it is a directory, not a file')
  expect(problemsOfFile('#'.repeat(1_048_577))[0]?.message).toContain('it is larger than 1 MiB')
  expect(loadFile('#'.repeat(1_048_576)).warnings).toEqual([])
  expect(problemsOfFile(Buffer.from([0x61, 0xff]))[0]?.message).toContain(
    'it is neither UTF-8 nor UTF-16 text',
  )
})

test('a file without permission says so', () => {
  const cwd = directoryWith({ 'config/local.yaml': '' })
  for (const path of [cwd, join(cwd, 'config')]) chmodSync(path, 0o755)
  chmodSync(join(cwd, 'config/local.yaml'), 0)

  const problems = asNobody(() => problemsOf({ cwd }))

  expect(problems[0]?.message).toContain('this user lacks the permission')
})

/** Root may read everything, so a test that runs as root steps down for a moment. */
function asNobody<T>(work: () => T): T {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    return work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

test('one torn file does not make settings from elsewhere look torn', () => {
  const cwd = directoryWith({ 'config/local.yaml': 'mqtt:\n  username: "me\n' })
  const problems = problemsOf({ cwd, env: { MQTT_PASSWORD: 'x', LOG_LEVEL: 'loud' } })

  expect(problems.map(({ place }) => place)).not.toContain('mqtt.password (environment MQTT_PASSWORD)')
  expect(problems.map(({ place }) => place)).toContain('log.level (environment LOG_LEVEL)')
})
