/** What a person does on the pages about modules and clips, and what they show by themselves. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { browserTest, follow, windows } from '../support/chromium.ts'
import { home } from '../support/homes.ts'
import { type PageWorld, pageWorld } from '../support/page-world.ts'

const { open } = windows()

/** Two modules that answered nothing of use in the run at the start, and do so now: no request ID is known. */
async function reachable(): Promise<PageWorld> {
  const played = await pageWorld({
    simulator: { accounts: [home(2)] },
    fault: { kind: 'html', path: '/manifest/request' },
  })
  await played.daemon.says('run done')
  played.world.cloud.calm()
  return played
}

const rowOf = (page: Page, number: number) => page.getByRole('row').filter({ hasText: `Module ${number}` })

browserTest('request now brings a request ID, which is named and can be copied', async () => {
  await using played = await reachable()
  const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] })
  await page.goto(`${played.url}modules`)

  await rowOf(page, 1).getByRole('button', { name: 'Request now' }).click()
  const message = await page.getByText(/^Request ID: \d+\.$/).innerText()
  const [id = ''] = /\d+/.exec(message) ?? []
  await rowOf(page, 1).locator('code', { hasText: id }).waitFor()
  await page.getByRole('button', { name: `Copy ${id}` }).click()

  await page.getByText(`Copied ${id}.`).waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(id)
})

browserTest('what happens elsewhere is shown without a reload, and the focus stays', async () => {
  await using played = await reachable()
  const [watching, acting] = [await open(), await open()]
  await watching.goto(`${played.url}modules`)
  await watching.evaluate('globalThis.isSameDocument = true')
  await rowOf(watching, 2).getByRole('button', { name: 'Pause' }).focus()

  await acting.goto(`${played.url}modules`)
  await rowOf(acting, 1).getByRole('button', { name: 'Request now' }).click()
  await rowOf(watching, 1).locator('code').waitFor()

  expect(await watching.evaluate('globalThis.isSameDocument')).toBe(true)
  expect(await watching.evaluate('document.activeElement.textContent')).toBe('Pause Module 2')
})

browserTest('a module is paused and resumed, and says which it is', async () => {
  await using played = await reachable()
  const page = await open()
  await page.goto(`${played.url}modules`)

  await rowOf(page, 1).getByRole('button', { name: 'Pause' }).click()
  await rowOf(page, 1).getByText('paused').waitFor()
  await rowOf(page, 1).getByRole('button', { name: 'Resume' }).click()

  await rowOf(page, 1).getByRole('button', { name: 'Pause' }).waitFor()
})

browserTest('without script a person requests now and sees the request ID', async () => {
  await using played = await reachable()
  const page = await open({ javaScriptEnabled: false })
  await page.goto(`${played.url}modules`)

  await follow(page, () => rowOf(page, 1).getByRole('button', { name: 'Request now' }).click())

  await page.getByText(/^Request ID: \d+\.$/).waitFor()
})

browserTest('a clip that was saved is found by its camera and plays', async () => {
  await using played = await pageWorld({
    simulator: { clipSeconds: 0 },
    env: { CLIPS_ENABLED: 'true', CLIPS_BACKFILL_DAYS: '-1', CLIPS_RESERVE_MEGABYTES: '0' },
  })
  const page = await open()
  await page.goto(`${played.url}clips`)

  await page.getByRole('row').filter({ hasText: 'Porch' }).getByRole('link').first().click()
  await page.locator('video').waitFor()
  await page.waitForFunction("document.querySelector('video').readyState >= 1")

  expect(await page.evaluate<number>("document.querySelector('video').duration")).toBeGreaterThan(0)
})
