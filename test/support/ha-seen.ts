/** What an observer has seen, as Home Assistant would take it: documents, and what is wrong with their entities. */
import { componentsOf, refusals, stateOf } from './acceptance.ts'
import { checkAll } from './checker.ts'
import type { Observer } from './observer.ts'

/** The documents that a Home Assistant that comes now would find. */
export function documentsIn(observer: Observer) {
  const topics = new Set(observer.on('/config').map(({ topic }) => topic))
  return [...topics].flatMap((topic) => {
    const payload = observer.latest(topic)
    return topic.startsWith('homeassistant/device/') && payload ? [{ topic, payload, retain: true }] : []
  })
}

/** The document of the device whose topic ends so. */
export const deviceOf = (observer: Observer, ending: string) =>
  documentsIn(observer).find(({ topic }) => topic.endsWith(`${ending}/config`))

/** The entities that are unavailable or whose values Home Assistant would not take. */
export function ailments(observer: Observer): readonly string[] {
  const documents = documentsIn(observer)
  const newest = (topic: string) => observer.latest(topic)
  const placed = componentsOf(documents)
  return [
    ...checkAll(documents),
    ...placed.flatMap((one) => refusals(one, newest)),
    ...placed.flatMap((one) => (stateOf(one, newest) === 'unavailable' ? `${one.place} is unavailable` : [])),
  ]
}
