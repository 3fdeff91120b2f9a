/** How a message looks on the wire under MQTT 5: its properties, and how many bytes it takes with them. */
import type { OutgoingMessage } from './publish-queue.ts'

/** The properties as mqtt.js takes them. */
export interface PublishProperties {
  payloadFormatIndicator: true
  contentType?: string
  messageExpiryInterval?: number
  userProperties?: Record<string, string>
  correlationData?: Buffer
}

export function publishProperties(message: OutgoingMessage): PublishProperties {
  const { json, expirySeconds, userProperties, correlationData } = message
  return {
    payloadFormatIndicator: true,
    ...(json && { contentType: 'application/json' }),
    ...(expirySeconds !== undefined && { messageExpiryInterval: expirySeconds }),
    ...(userProperties && { userProperties: { ...userProperties } }),
    ...(correlationData && { correlationData: Buffer.from(correlationData) }),
  }
}

/** The largest size the PUBLISH packet can have, in bytes; never too small. */
export function packetSize(message: OutgoingMessage, properties: PublishProperties | undefined): number {
  // Type and length: 5. Packet id: 2. Length of the properties: 4. Format indicator: 2. Expiry: 5.
  let bytes = 18 + text(message.topic) + Buffer.byteLength(message.payload)
  if (properties?.contentType !== undefined) bytes += 1 + text(properties.contentType)
  if (properties?.correlationData) bytes += 3 + properties.correlationData.length
  for (const [name, value] of Object.entries(properties?.userProperties ?? {})) {
    bytes += 1 + text(name) + text(value)
  }
  return bytes
}

/** Text is sent with its length before it. */
function text(value: string): number {
  return 2 + Buffer.byteLength(value)
}
