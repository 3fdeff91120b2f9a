/**
 * Which version of MQTT to speak: 5 wherever the broker takes it, else 3.1.1. Pure: values in, values out.
 *
 * A broker refuses in three ways: a CONNACK that names the version, a CONNACK of the old protocol, or a closed
 * socket. The last also happens while a broker starts behind a proxy, so it is believed only when 3.1.1 works
 * and 5 is closed upon once more right after that.
 */

/** 4 is how MQTT 3.1.1 numbers itself on the wire. */
export type Protocol = 5 | 4

/** How one try to connect ended, as far as the version is concerned. */
export type Answer = 'accepted' | 'version-refused' | 'closed-without-a-word' | 'other'

/** `probe` tries 3.1.1 only to learn something; `check` is the try with 5 that follows when the probe was accepted. */
export type Version =
  | { readonly step: 'normal'; readonly closed: number }
  | { readonly step: 'probe' | 'check' }
  | { readonly step: 'fallback'; readonly since: number }

export const preferred: Version = { step: 'normal', closed: 0 }

const closedBeforeProbe = 2
/** A broker may have been replaced by a newer one. */
const fallbackMs = 24 * 60 * 60_000

export function protocolOf({ step }: Version): Protocol {
  return step === 'probe' || step === 'fallback' ? 4 : 5
}

/** The version to try after `answer`; `elapsed` is the clock's, in milliseconds. */
export function nextVersion(version: Version, answer: Answer, elapsed: number): Version {
  switch (version.step) {
    case 'normal': {
      if (answer === 'version-refused') return { step: 'fallback', since: elapsed }
      if (answer !== 'closed-without-a-word') return preferred
      const closed = version.closed + 1
      return closed >= closedBeforeProbe ? { step: 'probe' } : { step: 'normal', closed }
    }
    case 'probe':
      return answer === 'accepted' ? { step: 'check' } : preferred
    case 'check':
      return answer === 'closed-without-a-word' || answer === 'version-refused'
        ? { step: 'fallback', since: elapsed }
        : preferred
    case 'fallback':
      return answer === 'version-refused' || elapsed - version.since >= fallbackMs ? preferred : version
  }
}
