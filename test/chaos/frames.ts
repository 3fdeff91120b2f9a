/**
 * As much of MQTT's wire format as an eavesdropper needs: where packets end, publishes, their acknowledgements.
 *
 * Shares nothing with the client library that the daemon speaks through. @see MQTT 5.0, sections 2.1, 3.1, 3.3, 3.4
 */

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly body: Buffer
}

export const packet = { connect: 1, publish: 3, puback: 4 } as const

export interface PublishFrame {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: number
  readonly retain: boolean
  readonly packetId: number | undefined
}

/** Cuts a stream into packets; hands over those that are complete. */
export function frameCutter(): (chunk: Buffer) => Frame[] {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const frames: Frame[] = []
    for (;;) {
      const length = variableInteger(rest, 1)
      if (!length || rest.length < length.end + length.value) return frames
      const first = rest[0] ?? 0
      const body = rest.subarray(length.end, length.end + length.value)
      frames.push({ type: first >> 4, flags: first & 0x0f, body })
      rest = rest.subarray(length.end + length.value)
    }
  }
}

/** The protocol level that a CONNECT names: 4 for MQTT 3.1.1, 5. */
export function protocolLevel({ body }: Frame): number {
  return body[2 + body.readUInt16BE(0)] ?? 0
}

export function readPublish({ flags, body }: Frame, level: number): PublishFrame {
  const qos = (flags >> 1) & 3
  let at = 2 + body.readUInt16BE(0)
  const topic = body.toString('utf8', 2, at)
  const packetId = qos > 0 ? body.readUInt16BE(at) : undefined
  if (packetId !== undefined) at += 2
  if (level >= 5) {
    const properties = variableInteger(body, at)
    at = properties ? properties.end + properties.value : body.length
  }
  return { topic, payload: body.subarray(at), qos, retain: (flags & 1) === 1, packetId }
}

/** A reason code from 0x80 on is a refusal. */
export function readPuback({ body }: Frame): { readonly packetId: number; readonly accepted: boolean } {
  return { packetId: body.readUInt16BE(0), accepted: (body[2] ?? 0) < 0x80 }
}

/** Undefined while bytes are missing. */
function variableInteger(bytes: Buffer, from: number): { value: number; end: number } | undefined {
  let value = 0
  for (let index = 0; index < 4; index += 1) {
    const byte = bytes[from + index]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * 128 ** index
    if (byte < 0x80) return { value, end: from + index + 1 }
  }
  throw new Error('no MQTT: a length of more than four bytes')
}
