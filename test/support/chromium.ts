/**
 * A real browser. Where Chromium is not installed its tests are skipped and say so; with `CI` set they fail.
 *
 * Every page is watched: an error on its console, or something that its own policy refused, fails the test.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, expect, test } from 'vitest'
import type { PageWorld } from './page-world.ts'
import { longestWaitMs } from './until.ts'

const executablePath = '/usr/bin/chromium'
const missing = !existsSync(executablePath)

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A test that needs Chromium. */
export function browserTest(name: string, body: () => Promise<void>): void {
  if (missing && !process.env.CI) test.skip(`${name} [skipped: chromium is not installed]`, body)
  else test(name, body)
}

/** Starts Chromium with a new profile. */
function launch(): Promise<Browser> {
  return chromium.launch({ executablePath, args, timeout: longestWaitMs })
}

export interface Windows {
  /** A window with cookies and a cache of its own, which is closed when the test is over. */
  open(options?: BrowserContextOptions): Promise<Page>
}

/** One browser for all tests of a file, started by the first that opens a window. */
export function windows(): Windows {
  let browser: Promise<Browser> | undefined
  let opened: Page[] = []
  const problems: string[] = []

  afterEach(async () => {
    for (const page of opened) await page.context().close()
    opened = []
    expect(problems.splice(0)).toEqual([])
  })
  afterAll(async () => (await browser)?.close())

  return {
    async open(options = {}) {
      browser ??= launch()
      const context = await (await browser).newContext({ viewport: { width: 1280, height: 900 }, ...options })
      // No claim about the page: it ends a test that waits in vain.
      context.setDefaultTimeout(longestWaitMs)
      const page = await context.newPage()
      page.on('pageerror', (error) => problems.push(error.message))
      page.on('console', (line) => {
        // A page that is not there is one all the same, and a daemon may end before its page.
        const isExpected = line.location().url === page.url() || line.text().includes('net::ERR_')
        if (line.type() === 'error' && !isExpected) problems.push(line.text())
      })
      opened.push(page)
      return page
    },
  }
}

/** Does what leads to another page, and waits until that one is there. */
export async function follow(page: Page, action: () => Promise<void>): Promise<void> {
  const shown = page.waitForEvent('domcontentloaded')
  await action()
  await shown
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const inPage = readFileSync(join(import.meta.dirname, 'in-page.js'), 'utf8').replace(/^\/\/.*/, '')

/** What axe-core finds on the page as it is, each with its elements. */
export async function axeFindings(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
  )
}

/** How far the page can be scrolled sideways, in pixels. */
export function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate(`${inPage}.sideways()`)
}

/** Texts that are smaller than so many pixels. */
export function textsBelow(page: Page, pixels: number): Promise<readonly string[]> {
  return page.evaluate(`${inPage}.textsBelow(${pixels})`)
}

export interface Stop {
  /** Label or text, else the tag. */
  readonly name: string
  /** Whether a person can see where the focus is. */
  readonly isVisible: boolean
}

/** Presses Tab, and returns where the focus is then; `null` at the end of the page. */
export async function tab(page: Page): Promise<Stop | null> {
  await page.keyboard.press('Tab')
  return page.evaluate<Stop | null>(`${inPage}.focused()`)
}

/** Presses Tab until the focus is on what has this name. */
export async function tabTo(page: Page, name: string): Promise<void> {
  const seen = new Set<string>()
  for (let presses = 0; presses < 100; presses++) {
    const stop = await tab(page)
    if (stop && !stop.isVisible) throw new Error(`the focus on "${stop.name}" cannot be seen`)
    if (stop?.name === name) return
    seen.add(stop?.name ?? 'the end')
  }
  throw new Error(`Tab does not lead to "${name}", but to ${[...seen].join(', ')}`)
}

/** Signs in from an empty directory, without a mouse; each field must show that it has the focus. */
export async function signInByKeyboard(
  page: Page,
  { world, url }: Pick<PageWorld, 'world' | 'url'>,
): Promise<void> {
  const { email, password, code } = world.cloud.person()
  const { keyboard } = page
  await page.goto(url)
  await tabTo(page, 'E-mail address')
  await keyboard.type(email)
  await tabTo(page, 'Password')
  await keyboard.type(password)
  await keyboard.press('Enter')
  // The field has the focus as soon as it is there.
  await page.locator('#code:focus').waitFor()
  await keyboard.type(code)
  await tabTo(page, 'Sign in')
  await keyboard.press('Space')
}
