/**
 * A discovery document as the broker kept it: whose it is, and which components it has.
 *
 * It was perhaps written by an older version of ours, and by anyone who may write to the broker, so only what is
 * needed is taken from it.
 */
import { z } from 'zod'
import { type Components, originName } from './home-assistant.ts'

/** What we need of a document to take back what is no longer in it. */
export interface Copy {
  readonly components: Components
  /** The document itself, to tell whether ours says anything new; absent for one that we have said. */
  readonly text?: string
}

const shape = z.object({
  origin: z.object({ name: z.literal(originName) }),
  device: z.object({ identifiers: z.array(z.string()).length(1) }),
  components: z.record(z.string(), z.object({ platform: z.string() })),
})

/** The document of this device, or `undefined` when it is none of ours. */
export function readCopy(payload: Uint8Array, objectId: string): Copy | undefined {
  const text = new TextDecoder().decode(payload)
  const read = shape.safeParse(jsonOf(text))
  if (!read.success || read.data.device.identifiers[0] !== objectId) return undefined
  return { components: read.data.components, text }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
