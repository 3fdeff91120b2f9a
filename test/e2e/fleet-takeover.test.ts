/** Three daemons share the accounts through PostgreSQL: one may be killed or stand still, and nothing is doubled or lost. */
import { expect } from 'vitest'
import { type FleetWorld, type Instance, startFleetWorld } from '../support/fleet-world.ts'
import { copies, home, type WorkItem, workItems } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { isPostgresMissing, postgresTest } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const names = ['one', 'two', 'three'] as const
const accounts = Array.from({ length: 9 }, (_, index) => home(2, { id: 8021 + index }))

/** A run each five seconds, and a lease of 25. */
const often = {
  SCHEDULE_CRON: '*/5 * * * * *',
  SCHEDULE_ALLOW_FAST: 'true',
  SCHEDULE_SPREAD_SECONDS: '0',
  BLINK_TIMEOUT_SECONDS: '10',
  BLINK_DAILY_BUDGET: '1000000',
}

const needy = isPostgresMissing ? postgresTest : mosquittoTest

function fleetTest(
  name: string,
  body: (fleet: FleetWorld, three: readonly Instance[]) => Promise<void>,
): void {
  needy(name, async () => {
    await using fleet = await startFleetWorld({ accounts, manifestSeconds: 0 })
    const three = names.map((each) => fleet.start(each, often))
    // Answers take a while, so that whoever dies has accounts in work.
    fleet.world.cloud.misbehave({ kind: 'slow', delayMs: 300, path: '/manifest/request' })
    await everyAccountAgain(fleet, three)
    await body(fleet, three)
  })
}

const stateOf = (all: readonly Instance[]) => () =>
  all.map(({ daemon }) => daemon.stderr().slice(-2_000)).join('\n')

/** Waits until each account has request IDs of a run that is newer than all that were seen before. */
async function everyAccountAgain({ observer }: FleetWorld, all: readonly Instance[]): Promise<void> {
  const newest = workItems(observer).reduce((last, { tick_id }) => (tick_id > last ? tick_id : last), '')
  const served = () => {
    const later = workItems(observer).filter(
      ({ tick_id, trigger }) => trigger === 'schedule' && tick_id > newest,
    )
    return new Set(later.map(({ account_id }) => account_id)).size
  }
  await until('another run of each account', () => served() === accounts.length, { state: stateOf(all) })
}

/** A module is requested once in a run, and each copy of its ID is the same event. */
function expectNothingDoubled({ observer }: FleetWorld): void {
  const runOf = ({ tick_id, account_id, sync_module_id }: WorkItem) =>
    `${tick_id} ${account_id}/${sync_module_id}`
  const scheduled = workItems(observer).filter(({ trigger }) => trigger === 'schedule')
  expect(scheduled.map(runOf)).toEqual([...new Set(scheduled.map(runOf))])
  const events = new Map(copies(observer).map((item) => [item.request_id_str, item.event_id]))
  for (const item of copies(observer)) expect(item.event_id).toBe(events.get(item.request_id_str))
}

fleetTest(
  'what a killed daemon had in work is taken over, and nothing is requested twice',
  async (fleet, three) => {
    const [victim, ...others] = three as readonly [Instance, ...Instance[]]

    await victim.daemon.stop('SIGKILL')
    await everyAccountAgain(fleet, others)
    await everyAccountAgain(fleet, others)

    expectNothingDoubled(fleet)
  },
)

needy('what a daemon without a broker has left is delivered without another run', async () => {
  await using fleet = await startFleetWorld({ accounts, manifestSeconds: 0 })
  const { world, start, observer } = fleet
  // Each account is requested once, after its sign-in.
  const seldom = { ...often, SCHEDULE_CRON: '0 0 1 1 *' }
  const leaver = start('one', { ...seldom, MQTT_URL: 'mqtt://127.0.0.1:1' })
  const runs = () => leaver.daemon.logged().filter(({ msg }) => msg === 'run done')
  await until('a run of each account', () => runs().length === accounts.length, {
    state: leaver.daemon.stderr,
  })
  expect(await leaver.daemon.stop()).toMatchObject({ code: 0 })
  expect(workItems(observer)).toEqual([])

  const next = start('two', seldom)

  const arrived = () => workItems(observer).length === accounts.length * 2
  await until('an id of each module', arrived, { state: next.daemon.stderr })
  const given = world.cloud.calls.filter(({ commandId }) => commandId !== undefined)
  expect(given).toHaveLength(accounts.length * 2)
})

fleetTest('a daemon that stops gives its accounts to the others at once', async (fleet, three) => {
  const [leaver, ...others] = three as readonly [Instance, ...Instance[]]

  expect(await leaver.daemon.stop()).toMatchObject({ code: 0 })
  await everyAccountAgain(fleet, others)

  expectNothingDoubled(fleet)
  expect(others.flatMap(({ daemon }) => daemon.logged()).filter(({ level }) => Number(level) >= 50)).toEqual(
    [],
  )
})
