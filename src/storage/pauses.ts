/**
 * For which modules scheduled requests are off, kept beside the logins: a restart is no reason to begin again.
 *
 * Kept as rules and not as modules, so that "everything is paused" holds for a module that is found tomorrow. The
 * most specific rule that covers a module decides.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { StoreFailed } from '../domain/errors.ts'
import type { ModuleKey } from '../domain/model.ts'
import type { Pauses } from '../domain/ports.ts'
import { parseJson, readWhole, writeWhole } from './state-files.ts'

/** Rules by scope: empty for all, else `account`, `account/network` or `account/network/module`. */
export type PauseRules = Readonly<Record<string, boolean>>

const file = z.object({ paused: z.record(z.string(), z.boolean()) })

/** The rules on disk. @throws StoreFailed when they cannot be read, and from `set` when they cannot be kept */
export async function openPauses(directory: string): Promise<Pauses> {
  const path = join(directory, 'paused.json')
  const text = await readWhole(path)
  let rules: PauseRules = text === undefined ? {} : read(path, text)
  let last: Promise<void> = Promise.resolve()

  async function keep(scope: string, paused: boolean): Promise<void> {
    const next = withRule(rules, scope, paused)
    await writeWhole(path, `${JSON.stringify({ paused: next }, undefined, 2)}\n`)
    rules = next
  }

  return {
    isPaused: async (key) => isPaused(rules, key),
    set(scope, paused) {
      // One after another, since each begins with what the last one has left.
      const turn = last.then(() => keep(scope, paused))
      last = turn.catch(() => undefined)
      return turn
    },
  }
}

/** What the most specific rule says; without one, nothing is paused. */
export function isPaused(rules: PauseRules, { accountId, networkId, syncModuleId }: ModuleKey): boolean {
  const scopes = [`${accountId}/${networkId}/${syncModuleId}`, `${accountId}/${networkId}`, accountId, '']
  for (const scope of scopes) if (Object.hasOwn(rules, scope)) return rules[scope] === true
  return false
}

/** The rules with one more, and without those inside its scope, which it overrules. */
export function withRule(rules: PauseRules, scope: string, paused: boolean): PauseRules {
  const inside = (other: string) => scope === '' || other === scope || other.startsWith(`${scope}/`)
  const kept = Object.entries(rules).filter(([other]) => !inside(other))
  return Object.fromEntries([...kept, [scope, paused]])
}

function read(path: string, text: string): PauseRules {
  const kept = file.safeParse(parseJson(text))
  if (kept.success) return kept.data.paused
  throw new StoreFailed(`${path} is damaged`, { remedy: 'Remove it; then nothing is paused.' })
}
