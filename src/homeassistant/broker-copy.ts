/**
 * A discovery document as the broker kept it: whose it is, and which components it has.
 *
 * It was perhaps written by an older version of ours, and by anyone who may write to the broker, so only what is
 * needed is taken from it. Of those that we have said no more is kept either: the documents of a fleet would not fit.
 */
import { hash } from 'node:crypto'
import { z } from 'zod'
import { type Components, type Device, originName } from './documents.ts'

/** What we need of a document to take back what is no longer in it, and to tell whether another says anything new. */
export interface Copy {
  /** With their platforms only. */
  readonly components: Components
  readonly print: string
}

/** Tells a document from any other. */
export const printOf = (text: string): string => hash('sha1', text, 'base64')

/** Makes copies of what we say; devices with the same components share them. */
export function copier(): (device: Device, text: string) => Copy {
  const shared = new Map<string, Components>()
  return ({ components }, text) => {
    const platforms = Object.entries(components).map(([id, { platform }]) => [id, { platform }] as const)
    const name = JSON.stringify(platforms)
    const known = shared.get(name) ?? Object.fromEntries(platforms)
    shared.set(name, known)
    return { components: known, print: printOf(text) }
  }
}

const shape = z.object({
  origin: z.object({ name: z.literal(originName) }),
  device: z.object({ identifiers: z.array(z.string()).length(1) }),
  components: z.record(z.string(), z.object({ platform: z.string() })),
})

/** Ten times the largest of ours: anybody may write there. */
const mostComponents = 2_000

/** The document of this device, or `undefined` when it is none of ours. */
export function readCopy(payload: Uint8Array, objectId: string): Copy | undefined {
  const text = new TextDecoder().decode(payload)
  const read = shape.safeParse(jsonOf(text))
  if (!read.success || read.data.device.identifiers[0] !== objectId) return undefined
  if (Object.keys(read.data.components).length > mostComponents) return undefined
  return { components: read.data.components, print: printOf(text) }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
