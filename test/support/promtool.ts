/**
 * Prometheus' own checker. Where it is not installed, its tests are skipped and say so; with `CI` set they fail.
 */
import { spawnSync } from 'node:child_process'
import { test } from 'vitest'

const missing = spawnSync('promtool', ['--version']).error !== undefined

/** A test that needs promtool. */
export function promtoolTest(name: string, body: () => void | Promise<void>): void {
  if (missing && !process.env.CI) test.skip(`${name} [skipped: promtool is not installed]`, body)
  else test(name, body)
}

/** What it has written, and how it ended. */
export function promtool(
  args: readonly string[],
  input = '',
): { readonly code: number; readonly text: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  return { code: status ?? -1, text: stdout + stderr }
}
