/** The effective settings, where each comes from and what a change of it needs; the bundle for a bug report. */
import { html } from 'hono/html'
import type { ShownSetting } from '../../config/settings.ts'
import type { Clock } from '../../domain/clock.ts'
import type { SupportBundle } from '../../domain/diagnostics.ts'
import type { WebApp } from '../context.ts'
import { type Html, rootOf, show, shown, table } from '../layout.ts'

interface SettingsNeeds {
  /** Secrets are masked. */
  readonly shown: readonly ShownSetting[]
  readonly version: string
  readonly bundle: () => Promise<SupportBundle>
  readonly clock: Pick<Clock, 'elapsed'>
}

/** Settings that a command changes while the daemon runs. */
const changeable: readonly string[] = ['log.level']
/** A bundle reads the whole database. */
const bundleEveryMs = 10_000

export function settingsPage(app: WebApp, needs: SettingsNeeds): void {
  let making: { readonly at: number; readonly bundle: Promise<SupportBundle> } | undefined

  app.get('/settings', (c) => {
    const heads = ['Setting', 'Value', 'From', 'A change needs']
    const rows = needs.shown.map(({ name, value, origin }) => [
      html`<code>${name}</code>`,
      shownValue(value),
      shown(origin),
      changeable.includes(name) ? 'nothing: the command options changes it at once' : 'a restart',
    ])
    const body = html`<p>This is blink-manifestd ${needs.version}. Settings are changed in the settings file or the environment; the page only shows them.</p>
${table({ caption: 'Settings as they are in effect', heads, rows })}
<h2>Report a fault</h2>
<p>The support bundle is one file with versions, settings, states and the last lines of the log. Secrets, addresses, serial numbers and names are masked in it. Look through it before you publish it.</p>
<p><a class="button" href="${rootOf(c)}settings/support-bundle" download>Download the support bundle</a></p>`
    return show(c, { title: 'Settings', place: 'settings', body })
  })

  app.get('/settings/support-bundle', async (c) => {
    if (c.req.method === 'HEAD') return c.body(null)
    const now = needs.clock.elapsed()
    // Whoever presses again gets the same one.
    if (!making || now - making.at >= bundleEveryMs) making = { at: now, bundle: needs.bundle() }
    const { bundle } = making
    bundle.catch(() => {
      making = undefined
    })
    const { name, text } = await bundle
    return c.body(text, 200, {
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': `attachment; filename="${name}"`,
      'cache-control': 'no-store',
    })
  })
}

function shownValue(value: unknown): Html {
  if (value === null) return html`<span class="muted">not set</span>`
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return html`<code>${shown(text)}</code>`
}
