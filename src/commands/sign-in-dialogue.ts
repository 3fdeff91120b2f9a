/**
 * A sign-in whose answers come one by one from somebody who may be gone in between, as on a page. What has been reached
 * is on disk (`sign-in.ts`), so that it goes on after a reload and a restart.
 *
 * One step at a time, whoever takes it, and a step that is taken twice at once, as by a double click, is one. A code is
 * sent for one of them, and for no other reason.
 */
import { parseImport } from '../blink/credentials-file.ts'
import { codeLifeMs, SignInRefused } from '../blink/sign-in-responses.ts'
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'
import type { Secret } from '../domain/secret.ts'
import type { AwaitsCode } from '../storage/pending-sign-in.ts'
import {
  type Imported,
  importCredentials,
  type Kept,
  keepCredentials,
  openSignIn,
  resendAt,
  type SignInContext,
  type SignInSteps,
  signInSteps,
} from './sign-in.ts'
import { openStore } from './store.ts'

export interface Person {
  readonly email: string
  readonly password: Secret
}

export type Reached = { readonly kept: Kept } | { readonly awaits: AwaitsCode }

/** What a person has begun and not ended. */
export type Waiting =
  | { readonly step: 'code'; readonly state: AwaitsCode; readonly isPersonKnown: boolean }
  | { readonly step: 'keep' }

export interface TakenOver {
  /** What makes the text unusable; nothing was tried then. */
  readonly problems: readonly string[]
  readonly notes: readonly string[]
  readonly results: readonly Imported[]
}

/** Each step throws SignInRefused, and what the cloud's calls and the disk throw. */
export interface SignInDialogue {
  waiting(): Promise<Waiting | undefined>
  /** Has a code sent, unless one was sent to this person and is still good. */
  begin(person: Person): Promise<Reached>
  enterCode(typed: string): Promise<Reached>
  /** Has another code sent; whoever began is remembered for as long as a code lives, until a restart. */
  resend(person?: Person): Promise<Reached>
  /** Keeps what was cut off right before that; `undefined` when there is nothing. */
  goOn(): Promise<Reached | undefined>
  /** Forgets a sign-in that waits for its code. */
  cancel(): Promise<unknown>
  /** Takes over what another program has obtained. */
  takeOver(text: string): Promise<TakenOver>
  /** Resolves when no step is under way. */
  settled(): Promise<unknown>
}

export interface DialogueNeeds {
  readonly settings: Settings
  readonly clock: Clock
  readonly log: Log
  /** Aborted when the program is stopped. */
  readonly signal: AbortSignal
}

export function signInDialogue({ settings, clock, log, signal }: DialogueNeeds): SignInDialogue {
  let last: Promise<unknown> = Promise.resolve()
  /** For another code, as the terminal remembers them; never on disk. */
  let remembered: { readonly person: Person; readonly until: number } | undefined

  /** Takes steps one after the other; the same one that is under way is joined. */
  function stepsOf<T>() {
    const underWay = new Map<string, Promise<T>>()
    return (name: string, work: (parts: Parts) => Promise<T>): Promise<T> => {
      const same = underWay.get(name)
      if (same) return same
      const run = async () => {
        signal.throwIfAborted()
        await using context = await openSignIn(settings, clock, log)
        return await work({ context, steps: signInSteps(context, signal) })
      }
      const taken = last.then(run, run)
      last = taken.catch(() => undefined)
      underWay.set(name, taken)
      const end = () => underWay.delete(name)
      taken.then(end, end)
      return taken
    }
  }
  const step = stepsOf<Reached>()
  const maybe = stepsOf<Reached | undefined>()
  const takeOver = stepsOf<TakenOver>()

  function remember(person: Person): void {
    const until = clock.now() + codeLifeMs
    remembered = { person, until }
    clock.after(codeLifeMs, () => {
      if (remembered?.until === until) remembered = undefined
    })
  }

  async function begin(parts: Parts, person: Person): Promise<Reached> {
    const state = await parts.steps.begin(person.email, async () => person.password)
    remember(person)
    return reached(parts, state)
  }

  /** To the question for the code, or to the end. */
  async function reached({ steps, context }: Parts, state: AwaitsCode): Promise<Reached> {
    if (state.challenge) return { awaits: state }
    const { credentials, tokens } = await steps.finish(state)
    const kept = await keepCredentials(context, credentials, { signal, fresh: tokens })
    remembered = undefined
    return { kept }
  }

  async function cutOff({ context }: Parts): Promise<Reached | undefined> {
    const before = await context.pending.read()
    if (before?.step !== 'keep') return undefined
    return { kept: await keepCredentials(context, before.credentials, { signal }) }
  }

  return {
    async waiting() {
      await using store = await openStore({ settings, clock, log })
      const before = await store.pending.read()
      if (before?.step === 'keep') return { step: 'keep' }
      if (before?.step !== 'code' || before.sentAt + codeLifeMs <= clock.now()) return undefined
      return { step: 'code', state: before, isPersonKnown: remembered !== undefined }
    },

    begin: (person) =>
      step(JSON.stringify(['begin', person.email, person.password.reveal()]), async (parts) => {
        const kept = await cutOff(parts)
        if (kept) return kept
        const before = await parts.steps.resume(person.email)
        if (!before) return begin(parts, person)
        remember(person)
        return reached(parts, before)
      }),

    enterCode: (typed) =>
      step(JSON.stringify(['code', typed]), async (parts) => {
        const before = await parts.steps.resume(undefined)
        if (!before) throw new SignInRefused('code_expired')
        return reached(parts, before.challenge ? await parts.steps.enterCode(before, typed) : before)
      }),

    resend: (given) =>
      step('resend', async (parts) => {
        const before = await parts.steps.resume(undefined)
        const person = given ?? remembered?.person
        if (!before || !person) throw new SignInRefused('code_expired')
        const retryAt = resendAt(before)
        if (clock.now() < retryAt) throw new SignInRefused('too_quick', { retryAt })
        return begin(parts, person)
      }),

    goOn: () => maybe('go on', cutOff),

    cancel: () =>
      maybe('cancel', async ({ context: { pending } }) => {
        remembered = undefined
        if ((await pending.read())?.step === 'code') await pending.remove()
        return undefined
      }),

    settled: () => last,

    takeOver: (text) =>
      takeOver(text, async ({ context }) => {
        const { credentials, problems, notes } = parseImport(text)
        const isEmpty = credentials.length === 0 && problems.length === 0
        if (isEmpty) return { problems: ['there is no login in it'], notes, results: [] }
        if (problems.length > 0) return { problems, notes, results: [] }
        const results: Imported[] = []
        for await (const one of importCredentials(context, credentials, { signal })) results.push(one)
        return { problems, notes, results }
      }),
  }
}

interface Parts {
  readonly steps: SignInSteps
  readonly context: SignInContext
}
