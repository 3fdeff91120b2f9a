/**
 * Ends the real program by SIGKILL at a step of saving a clip, at the very moment it gets there.
 *
 * The program announces the steps on a diagnostics channel. This file is the trap and its trigger: Node.js loads it
 * into the program before all else, and the step to end at stands in a file, so that a running program can be trapped.
 */
import { subscribe } from 'node:diagnostics_channel'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'

/** In the order in which one clip comes by them. */
export const clipSteps = [
  ...(['before upload', 'after request', 'before part', 'after file'] as const),
  ...(['after sync', 'after ready', 'after name', 'after saved'] as const),
]

export type ClipStep = (typeof clipSteps)[number]

export interface StepTrap {
  /** For the program. */
  readonly env: Readonly<Record<string, string>>
  arm(step: ClipStep): void
  disarm(): void
}

export function stepTrap(file: string): StepTrap {
  return {
    env: { NODE_OPTIONS: `--import=${import.meta.url}`, STEP_TRAP: file },
    arm: (step) => writeFileSync(file, step),
    disarm: () => rmSync(file, { force: true }),
  }
}

const trap = process.env.STEP_TRAP
if (trap !== undefined) {
  subscribe('blink-manifestd:clip-step', (step) => {
    if (textOf(trap) === step) process.kill(process.pid, 'SIGKILL')
  })
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
