/**
 * Makes the pictures of the documents from the demo, in Debian's Chromium: `npm run screenshots`.
 *
 * A picture stays below 150 kB, so that a clone of the project stays small.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Browser, chromium, type Page } from 'playwright-core'

const root = join(import.meta.dirname, '..')
const images = join(root, 'docs', 'images')
const largestBytes = 150_000

const desk = { viewport: { width: 1060, height: 640 } }
const phone = { viewport: { width: 360, height: 720 }, deviceScaleFactor: 2, isMobile: true }

const pictures = [
  { name: 'overview', path: '', options: desk },
  { name: 'sign-in', path: 'accounts/sign-in', options: phone },
  { name: 'modules', path: 'modules', options: { ...desk, colorScheme: 'dark' } },
  { name: 'module', path: 'modules/8021/44107/350221', options: desk },
  { name: 'clips', path: 'clips', options: phone },
] as const

/** So many lines of request IDs, so that there is something to see. */
const enoughIds = 24

async function main(): Promise<void> {
  mkdirSync(images, { recursive: true })
  const demo = spawn(process.execPath, [join(root, 'src', 'main.ts'), 'demo'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const url = await ready(demo)
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    })
    for (const picture of pictures) await take(browser, url, picture)
    await browser.close()
  } finally {
    demo.kill('SIGINT')
  }
}

/** The page's address, once there is something on the page. */
async function ready({ stdout }: ChildProcess): Promise<string> {
  if (!stdout) throw new Error('the demo has no output')
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let url: string | undefined
  let ids = 0
  const lines = createInterface({ input: stdout })
  lines.on('line', (line) => {
    url ??= line
    if (line.includes('request ID') && ++ids === enoughIds) resolve(url)
  })
  lines.on('close', () => reject(new Error('the demo has ended')))
  return promise
}

async function take(browser: Browser, url: string, { name, path, options }: (typeof pictures)[number]) {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options })
  const page: Page = await context.newPage()
  await page.goto(url + path)
  const picture = await page.screenshot()
  if (picture.length > largestBytes) throw new Error(`${name} has ${picture.length} bytes`)
  writeFileSync(join(images, `${name}.png`), picture)
  process.stdout.write(`${name}.png ${picture.length}\n`)
  await context.close()
}

await main()
