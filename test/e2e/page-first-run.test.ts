/** From an empty directory to the first request ID, on the page alone. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { browserTest, signInByKeyboard, tabTo, windows } from '../support/chromium.ts'
import { home } from '../support/homes.ts'
import { pageWorld } from '../support/page-world.ts'

const { open } = windows()

const empty = () => pageWorld({ isSignedIn: false, simulator: { accounts: [home(1)] } })
const idIn = (page: Page) => page.getByText(/^6\d{8,}$/).first()

browserTest('by mouse it is three fields and three clicks to the first request ID', async () => {
  await using played = await empty()
  const { email, password, code } = played.world.cloud.person()
  const page = await open()

  await page.goto(played.url)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('Code').fill(code)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('Signed in').waitFor()
  await page.getByRole('link', { name: 'Sync modules' }).click()

  await idIn(page).waitFor()
  expect(played.world.cloud.codesSent(8021)).toBe(1)
})

browserTest('by keyboard alone the first request ID is reached', async () => {
  await using played = await empty()
  const page = await open()

  await signInByKeyboard(page, played)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await tabTo(page, 'Sync modules')
  await page.keyboard.press('Enter')

  await idIn(page).waitFor()
})
