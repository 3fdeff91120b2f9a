/**
 * The style sheet and the scripts. The build puts their texts into the program (`rolldown.config.ts`), where `textOf`
 * stands here.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { WebApp } from './context.ts'

const textOf = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

interface Asset {
  readonly text: string
  readonly type: string
  /** Changes with the text, so that browsers may keep the asset for ever. */
  readonly version: string
}

const assets: ReadonlyMap<string, Asset> = new Map([
  ['style.css', asset('text/css', textOf('./assets/style.css'))],
  ['page.js', asset('text/javascript', textOf('./assets/page.js'))],
  ['chart.js', asset('text/javascript', textOf('./assets/chart.js'))],
  ['uplot.js', asset('text/javascript', textOf('../../node_modules/uplot/dist/uPlot.iife.min.js'))],
  ['uplot.css', asset('text/css', textOf('../../node_modules/uplot/dist/uPlot.min.css'))],
])

function asset(type: string, text: string): Asset {
  const version = createHash('sha256').update(text).digest('hex').slice(0, 12)
  return { text, type: `${type}; charset=utf-8`, version }
}

/** The address of an asset, relative to the first page. */
export function assetPath(name: string): string {
  return `assets/${name}?${assets.get(name)?.version ?? ''}`
}

export function serveAssets(app: WebApp): void {
  app.get('/assets/:name', (c) => {
    const found = assets.get(c.req.param('name'))
    if (!found) return c.notFound()
    const headers = { 'content-type': found.type, 'cache-control': 'public, max-age=31536000, immutable' }
    return c.body(found.text, 200, headers)
  })
}
