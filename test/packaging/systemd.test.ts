/** The systemd unit: right by systemd's own checks, and started as the other ways of starting the program are. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { exit } from '../../src/cli/exit.ts'
import { readDockerfile } from '../support/dockerfile.ts'

const { directory } = inject('packed')
const path = 'packaging/systemd/blink-manifestd.service'
const unit = readFileSync(join(directory, path), 'utf8')
const valuesOf = (key: string) =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)

/** Exposure in tenths, as systemd counts it. */
const mostExposure = 15

const missing = spawnSync('systemd-analyze', ['--version']).error !== undefined
const systemdTest = (name: string, body: () => void) =>
  missing && !process.env.CI
    ? test.skip(`${name} [skipped: systemd-analyze is not installed]`, body)
    : test(name, body)

function analyze(...words: string[]) {
  return spawnSync('systemd-analyze', [...words, '--no-pager', join(directory, path)], { encoding: 'utf8' })
}

systemdTest('systemd-analyze verify finds nothing in the unit', () => {
  // Of the units that it needs the system has its own opinion.
  const { status, stdout, stderr } = analyze('verify', '--recursive-errors=no')
  const ofOurs = (stdout + stderr).split('\n').filter((line) => line.includes('blink-manifestd'))

  expect({ status, ofOurs }).toEqual({ status: 0, ofOurs: [] })
})

systemdTest('the exposure of the service is at most 1.5 of 10', () => {
  const { status, stdout } = analyze('security', '--offline=true', `--threshold=${mostExposure}`)

  expect(status, stdout).toBe(0)
  expect(stdout).toContain('Overall exposure level')
})

test('the unit starts what an installation with npm has, with the flags of the image', () => {
  const [program, ...words] = (valuesOf('ExecStart')[0] ?? '').split(' ')
  const installed = '/usr/local/lib/node_modules/blink-manifestd/'
  const file = words.find((word) => word.startsWith(installed)) ?? ''
  const image = readDockerfile(readFileSync(join(import.meta.dirname, '../../Dockerfile'), 'utf8')).at(-1)
  const flags = (all: readonly string[] = []) => all.filter((word) => /^--\w/.test(word))

  expect(program).toBe('node')
  expect(existsSync(join(directory, file.replace(installed, '')))).toBe(true)
  expect(words.at(-1)).toBe('run')
  expect(flags(words)).toEqual(flags(image?.last('ENTRYPOINT').words))
  expect(flags(words)).toHaveLength(2)
})

test('the service is not started again where a person must act', () => {
  const codes = valuesOf('RestartPreventExitStatus').join(' ').split(' ').map(Number)

  expect(codes).toEqual([exit.usage, exit.login, exit.config])
  expect(valuesOf('Type')).toEqual(['exec'])
  expect(valuesOf('Restart')).toEqual(['on-failure'])
})
