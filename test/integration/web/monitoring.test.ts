/** What docs/monitoring asks of Prometheus is there, and Prometheus finds nothing wrong with it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { metricsFixture } from '../../support/metrics-fixture.ts'
import { requestedOnce, snapshotOf } from '../../support/module-snapshots.ts'
import { promtool, promtoolTest } from '../../support/promtool.ts'
import { temporaryDirectory } from '../../support/samples.ts'

const directory = join(import.meta.dirname, '..', '..', '..', 'docs', 'monitoring')
const rulesFile = join(directory, 'alerts.yaml')

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly annotations: Readonly<Record<string, string>>
}
interface Rules {
  readonly groups: readonly { readonly rules: readonly Alert[] }[]
}
interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string }[]
}

const alerts = (parse(readFileSync(rulesFile, 'utf8')) as Rules).groups.flatMap(({ rules }) => rules)
const { panels } = JSON.parse(readFileSync(join(directory, 'grafana-dashboard.json'), 'utf8')) as {
  readonly panels: readonly Panel[]
}
const dashboard = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))

async function scrape(perModule: boolean): Promise<string> {
  const { metrics, state } = metricsFixture({ perModule })
  state.modules = [snapshotOf(requestedOnce)]
  state.free = { data: 1, clips: 2 }
  metrics.observer.requestFinished?.({ account: '1', kind: 'homescreen', status: 200, sent: true, ms: 1 })
  return metrics.text()
}

/** The names of metrics, as their types have them. */
const namesIn = (text: string) => [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
const usedIn = (expressions: readonly string[]) =>
  new Set(expressions.flatMap((one) => one.match(/blink_manifestd_\w+/g) ?? []))

test('every metric of the dashboard and the alerts exists', async () => {
  const names = namesIn(await scrape(false))
  const used = usedIn([...dashboard, ...alerts.map(({ expr }) => expr)])

  const unknown = [...used].filter((name) => !names.includes(name.replace(/_bucket$/, '')))

  expect(used.size).toBeGreaterThan(10)
  expect(unknown).toEqual([])
})

test('every metric is on the dashboard', async () => {
  const used = usedIn(dashboard)

  const unused = namesIn(await scrape(false)).filter(
    (name) => !used.has(String(name)) && !used.has(`${name}_bucket`),
  )

  expect(unused).toEqual([])
})

test('the page about monitoring names every metric, and no other', async () => {
  const page = readFileSync(join(directory, '..', 'monitoring.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z]\w+)/gm)].map(([, name]) => `blink_manifestd_${name}`)

  expect(rows.toSorted()).toEqual(namesIn(await scrape(false)).toSorted())
})

promtoolTest('promtool finds nothing wrong with the metrics, with and without modules', async () => {
  for (const perModule of [false, true]) {
    expect(promtool(['check', 'metrics'], await scrape(perModule))).toEqual({ code: 0, text: '' })
  }
})

promtoolTest('promtool finds nothing wrong with the alerts and the dashboard', () => {
  const file = join(temporaryDirectory(), 'dashboard.yaml')
  const rules = dashboard.map((expr, index) => ({
    record: `panel_${index}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
  }))
  writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules }] }))

  expect(promtool(['check', 'rules', rulesFile])).toMatchObject({ code: 0 })
  expect(promtool(['check', 'rules', file])).toMatchObject({ code: 0 })
})

promtoolTest('each alert comes when it should, and none while all is well', () => {
  const labels = { job: 'blink', instance: 'house' }
  const series = (name: string, values: string, more = '') => ({
    series: `blink_manifestd_${name}{job="blink",instance="house"${more}}`,
    values,
  })
  const state = (word: string) => `,state="${word}"`
  const all = alerts.map(({ alert }) => alert)
  const at = (minutes: number, expected: readonly string[]) =>
    all.map((alertname) => ({
      eval_time: `${minutes}m`,
      alertname,
      exp_alerts: expected.includes(alertname) ? [{ exp_labels: labelsOf(alertname) }] : [],
    }))
  const labelsOf = (alertname: string) => ({
    ...labels,
    severity: alertname === 'BlinkSignInNeeded' ? 'critical' : 'warning',
    ...(alertname === 'BlinkDiskLow' && { directory: 'clips' }),
  })
  const well = [
    series('last_success_timestamp_seconds', '0+60x180'),
    series('outbox_oldest_seconds', '0x180'),
    series('accounts', '0x180', state('login_required')),
    series('accounts', '1x180', state('ok')),
    series('circuit_breaker_open_accounts', '0x180'),
    series('disk_free_bytes', '9000000000x180', ',directory="clips"'),
  ]
  const ill = [
    series('last_success_timestamp_seconds', '0x180'),
    series('outbox_oldest_seconds', '0+60x180'),
    series('accounts', '0x180', state('login_required')),
    series('accounts', '1x180', state('two_factor_required')),
    series('circuit_breaker_open_accounts', '1x180'),
    series('disk_free_bytes', '9000x180', ',directory="clips"'),
  ]
  const file = join(temporaryDirectory(), 'alerts-test.yaml')
  const tests = [
    { interval: '1m', input_series: well, alert_rule_test: at(120, []) },
    {
      interval: '1m',
      input_series: ill,
      alert_rule_test: [...at(4, ['BlinkSignInNeeded']), ...at(120, all)],
    },
  ]
  // Without their texts, which need not be repeated here.
  const rules = alerts.map(({ annotations: _, ...rule }) => rule)
  writeFileSync(join(file, '..', 'rules.yaml'), stringify({ groups: [{ name: 'alerts', rules }] }))
  writeFileSync(file, stringify({ rule_files: ['rules.yaml'], tests }))

  expect(promtool(['test', 'rules', file])).toMatchObject({ code: 0 })
})
