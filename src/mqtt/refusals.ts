/**
 * What the broker refuses to take, told once an hour for each kind of topic and not for each message.
 *
 * A right that is missing on the broker is missing at every tick and for every module: said each time, it would
 * bury everything else in the log.
 */
import type { Clock } from '../domain/clock.ts'
import type { PublishRefused } from '../domain/errors.ts'
import type { Log } from '../domain/ports.ts'
import { Complaints } from './log-throttle.ts'

/** Tells of a refused message; `message` says what kind it was, and is a constant. */
export type TellRefusal = (topic: string, error: PublishRefused, message: string) => void

export function refusalTeller(clock: Clock, log: Log): TellRefusal {
  const complaints = new Complaints(clock, log)
  return (topic, { reasonCode, message: detail, remedy }, message) => {
    const kind = kindOf(topic)
    const fields = {
      topic: kind,
      reason_code: reasonCode,
      detail,
      remedy: remedy ?? remedyFor(reasonCode, kind),
    }
    complaints.say('warn', { ...fields, reason: `${kind} ${reasonCode}` }, message)
  }
}

/** The topic with a wildcard for each id, as an access list would name all of its kind. */
function kindOf(topic: string): string {
  return topic
    .split('/')
    .map((level) => (/^(\d+|blink_manifestd_\w+)$/.test(level) ? '+' : level))
    .join('/')
}

function remedyFor(reasonCode: number, kind: string): string {
  switch (reasonCode) {
    case 0x87:
      return `Let this user write ${kind} on the broker.`
    case 0x97:
      return 'A limit of the broker is reached; its operator knows which.'
    case 0x95:
      return 'Raise the largest message size of the broker.'
    default:
      return 'The log of the broker may tell more.'
  }
}
