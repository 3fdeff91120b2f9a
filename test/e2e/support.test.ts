import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { home } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

interface Bundle {
  readonly daemon: string
  readonly database: { readonly integrity: string }
  readonly sync_modules: readonly { readonly account: string; readonly last_outcome: string | null }[]
  readonly lines: readonly string[]
}

mosquittoTest('support writes a bundle beside the daemon, and after it was killed', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(2)] } })
  const observer = await world.observer()
  const daemon = world.start(['run'], { SCHEDULE_SPREAD_SECONDS: '0', LOG_LEVEL: 'info' })
  await until('two request IDs', () => observer.on('/manifest/requested').length >= 2, {
    state: daemon.stderr,
  })
  await daemon.says('run done')

  const beside = await world.finish(['support', '--output', '-'])
  const diagnostics = join(world.dataDir, 'diagnostics.jsonl')
  await until(
    'the first line on disk',
    () => existsSync(diagnostics) && readFileSync(diagnostics, 'utf8').includes('starting'),
  )
  daemon.kill('SIGKILL')
  await daemon.ended
  const after = await world.finish(['support', '--output', '-'])

  const bundle = JSON.parse(beside.stdout) as Bundle
  expect(beside.code).toBe(0)
  expect(bundle).toMatchObject({
    database: { integrity: 'ok' },
    sync_modules: [{ account: 'account-1' }, {}],
  })
  const killed = JSON.parse(after.stdout) as Bundle
  expect(killed.sync_modules.map((one) => one.last_outcome)).toEqual(['requested', 'requested'])
  expect(killed.lines.join('\n')).toContain(' info starting ')
  for (const { stdout } of [beside, after]) expect(stdout).not.toMatch(/8021|sim-refresh|Module 1/)
})
