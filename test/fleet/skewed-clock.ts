/**
 * Loaded into an instance before its program: its wall clock is wrong by so many milliseconds. What runs by the
 * monotonic clock, such as a lease, does not notice.
 */
const skewMs = Number(process.env.FLEET_SKEW_MS)
const rightNow = Date.now

const wrongNow = () => rightNow() + skewMs

Date.now = wrongNow
globalThis.Date = new Proxy(Date, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [wrongNow()] : given, newTarget) as object,
})
