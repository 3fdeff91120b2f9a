/**
 * A discovery document as the broker keeps it: whose it is, and which components it has.
 *
 * An older version of this program may have written it, or anyone who may write to the broker, so only what is needed
 * is taken from it, and only within limits. Of our own documents no more is kept either: those of a fleet would not fit.
 */
import { hash } from 'node:crypto'
import { z } from 'zod'
import { type Components, type Device, originName } from './documents.ts'

/** What shows which components have left a document, and whether another document differs. */
export interface Copy {
  /** With their platforms only. */
  readonly components: Components
  readonly hash: string
}

export interface Copier {
  /** The copy of a document of ours. */
  of(device: Device, text: string): Copy
  /** The copy of a stored document of this device; `undefined` when it is none of ours, or beyond the limits. */
  read(payload: Uint8Array, objectId: string): Copy | undefined
}

export const hashOf = (text: string): string => hash('sha1', text, 'base64')

const shape = z.object({
  origin: z.object({ name: z.literal(originName) }),
  device: z.object({ identifiers: z.array(z.string()).length(1) }),
  components: z.record(z.string(), z.object({ platform: z.string() })),
})

/** Five times the largest of ours. */
const longestBytes = 64 * 1024
/** Modules of one version have the same set of components; a bridge has one for each set of accounts. */
const mostSets = 100

/** Makes copies; devices with the same components share them. */
export function copier(): Copier {
  const sets = new Map<string, Components>()

  function shared(components: Components): Components | undefined {
    const platforms = Object.entries(components).map(([id, { platform }]) => [id, { platform }] as const)
    const name = JSON.stringify(platforms)
    const known = sets.get(name)
    if (known || sets.size >= mostSets) return known
    const made = Object.fromEntries(platforms)
    sets.set(name, made)
    return made
  }

  return {
    of({ components }, text) {
      return { components: shared(components) ?? components, hash: hashOf(text) }
    },
    read(payload, objectId) {
      if (payload.length > longestBytes) return undefined
      const text = new TextDecoder().decode(payload)
      const read = shape.safeParse(jsonOf(text))
      if (!read.success || read.data.device.identifiers[0] !== objectId) return undefined
      const components = shared(read.data.components)
      return components && { components, hash: hashOf(text) }
    },
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
