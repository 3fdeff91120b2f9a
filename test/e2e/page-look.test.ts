/** Every page in a real browser: found well by axe-core, readable on each screen, usable by keyboard. */
import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, expect } from 'vitest'
import { axeFindings, browserTest, sidewaysScroll, tab, textsBelow, windows } from '../support/chromium.ts'
import { ingressProxy, type PageWorld, pageWorld } from '../support/page-world.ts'

const { open } = windows()

/** Every page. */
const paths = [
  '',
  'accounts',
  'accounts/sign-in',
  'accounts/import',
  'accounts/sign-out?account=8021',
  'modules',
  'modules/8021/44107/350221',
  'clips',
  'log',
  'settings',
  'not-there',
]

let shared: Promise<PageWorld> | undefined
afterAll(async () => (await shared)?.[Symbol.asyncDispose]())

/** A home whose modules have request IDs and clips, for all tests of this file. */
async function played(): Promise<PageWorld> {
  shared ??= pageWorld({
    env: { CLIPS_ENABLED: 'true', CLIPS_BACKFILL_DAYS: '-1', CLIPS_RESERVE_MEGABYTES: '0' },
  })
  const { daemon } = await shared
  await daemon.says('run done')
  return shared
}

/** Shows each page, and collects what is wrong with it. */
async function each(
  options: BrowserContextOptions,
  wrongWith: (page: Page) => Promise<unknown>,
): Promise<Readonly<Record<string, unknown>>> {
  const { url } = await played()
  const page = await open(options)
  const found: Record<string, unknown> = {}
  for (const path of paths) {
    await page.goto(url + path)
    found[path] = await wrongWith(page)
  }
  return found
}

const onAll = (value: unknown) => Object.fromEntries(paths.map((path) => [path, value]))

for (const colorScheme of ['light', 'dark'] as const) {
  browserTest(`axe-core finds nothing on any page, in ${colorScheme}`, async () => {
    expect(await each({ colorScheme }, axeFindings)).toEqual(onAll([]))
  })
}

browserTest('no text is smaller than 14 px', async () => {
  expect(await each({}, (page) => textsBelow(page, 14))).toEqual(onAll([]))
  // The footer is there only without script.
  expect(await each({ javaScriptEnabled: false }, (page) => textsBelow(page, 14))).toEqual(onAll([]))
})

browserTest('on a phone of 360 px and at 400 % nothing has to be scrolled sideways', async () => {
  const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }
  // A window of 1280 by 900 pixels, each of them four times as large.
  const zoomed = { viewport: { width: 320, height: 225 }, deviceScaleFactor: 4 }

  expect(await each(phone, sidewaysScroll)).toEqual(onAll(0))
  expect(await each(zoomed, sidewaysScroll)).toEqual(onAll(0))
})

browserTest('by Tab every page is gone through to its end, and the focus is always seen', async () => {
  expect(
    await each({}, async (page) => {
      const unseen: string[] = []
      for (let presses = 0; presses < 200; presses++) {
        const stop = await tab(page)
        if (!stop) return unseen
        if (!stop.isVisible) unseen.push(stop.name)
      }
      return 'no end'
    }),
  ).toEqual(onAll([]))
})

browserTest('dark is dark and light is light, each of its own colours', async () => {
  const brightness = (page: Page) =>
    page.evaluate<number>(
      'Number(getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/)[0])',
    )

  const [light, dark] = [
    await each({ colorScheme: 'light' }, brightness),
    await each({ colorScheme: 'dark' }, brightness),
  ]

  for (const path of paths) {
    expect(light[path]).toBeGreaterThan(230)
    expect(dark[path]).toBeLessThan(40)
  }
})

browserTest('below the path of Home Assistant every link, style and form leads back below it', async () => {
  const { ingressUrl } = await played()
  await using proxy = await ingressProxy(ingressUrl)
  const page = await open()
  const outside: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(proxy.url) && !request.url().startsWith('data:'))
      outside.push(request.url())
  })

  await page.goto(proxy.url)
  for (const name of ['Accounts', 'Sync modules', 'Clips', 'Log', 'Settings', 'Overview']) {
    await page.getByRole('link', { name, exact: true }).first().click()
    await page.getByRole('heading', { name, level: 1 }).waitFor()
    expect(await page.evaluate("getComputedStyle(document.querySelector('nav ul')).display")).toBe('flex')
  }
  await page.getByRole('link', { name: 'Accounts', exact: true }).click()
  await page.getByRole('link', { name: 'Sign out of 8021' }).click()
  await page.getByRole('link', { name: 'Keep it' }).click()
  await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor()

  expect(outside).toEqual([])
})

browserTest('without script every page is shown, with its times in UTC', async () => {
  const found = await each({ javaScriptEnabled: false }, async (page) => ({
    h1: await page.locator('h1').count(),
    isUtc: (await page.locator('time').allTextContents()).every((text) => text.endsWith('UTC')),
  }))

  expect(found).toEqual(onAll({ h1: 1, isUtc: true }))
})
