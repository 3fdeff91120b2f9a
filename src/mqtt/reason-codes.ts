/**
 * Has mqtt.js accept every reason code that a broker may refuse with.
 *
 * Its parser knows, for each packet, the codes that the specification lists there, and ends the connection at any other
 * without a word about what was refused. Mosquitto acknowledges a message above its `message_size_limit` with 0x95,
 * which the specification lists for DISCONNECT only.
 */
import protocol from 'mqtt-packet/constants.js'

const lowestRefusal = 0x80
const highestCode = 0xff

export function acceptEveryRefusal(): void {
  const {
    MQTT5_PUBACK_PUBREC_CODES,
    MQTT5_SUBACK_CODES,
    MQTT5_UNSUBACK_CODES,
    MQTT5_DISCONNECT_CODES: named,
  } = protocol
  for (const known of [MQTT5_PUBACK_PUBREC_CODES, MQTT5_SUBACK_CODES, MQTT5_UNSUBACK_CODES, named]) {
    for (let code = lowestRefusal; code <= highestCode; code++) known[code] ??= named[code] ?? 'Refused'
  }
}
