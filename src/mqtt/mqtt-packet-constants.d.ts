/** What `reason-codes.ts` touches of a file that comes without types. */
declare module 'mqtt-packet/constants.js' {
  type Codes = Record<number, string>
  const protocol: {
    readonly MQTT5_PUBACK_PUBREC_CODES: Codes
    readonly MQTT5_SUBACK_CODES: Codes
    readonly MQTT5_UNSUBACK_CODES: Codes
    readonly MQTT5_DISCONNECT_CODES: Codes
  }
  // biome-ignore lint/style/noDefaultExport: that is how Node.js shows a CommonJS file.
  export default protocol
}
