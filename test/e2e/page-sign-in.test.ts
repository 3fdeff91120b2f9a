/** Signing in and out on the page, and what becomes of a person's slips. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { browserTest, follow, signInByKeyboard, windows } from '../support/chromium.ts'
import { home } from '../support/homes.ts'
import { type PageWorld, type PageWorldOptions, pageWorld } from '../support/page-world.ts'

const { open } = windows()

/** Nobody is signed in. */
const empty = (person: object = {}): PageWorldOptions => ({
  isSignedIn: false,
  simulator: { accounts: [{ ...home(1), person }] },
})

/** What a person does up to the form of the code. */
async function begin(page: Page, { world, url }: PageWorld): Promise<void> {
  const { email, password } = world.cloud.person()
  await page.goto(url)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('Code').waitFor()
}

browserTest('by keyboard alone a person signs in, and sees where the focus is', async () => {
  await using played = await pageWorld(empty())
  const page = await open()

  await signInByKeyboard(page, played)

  await page.getByText('Signed in').waitFor()
})

browserTest('a wrong code is named at its field, and the right one still works', async () => {
  await using played = await pageWorld(empty())
  const page = await open()
  await begin(page, played)

  await page.getByLabel('Code').fill('111111')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').getByText('not the code that was sent').waitFor()
  expect(await page.getByLabel('Code').getAttribute('aria-invalid')).toBe('true')
  expect(await page.getByLabel('Code').getAttribute('aria-describedby')).toBe('message')

  await page.getByLabel('Code').fill(played.world.cloud.person().code)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('Signed in').waitFor()
  expect(played.world.cloud.codesSent(8021)).toBe(1)
})

browserTest('a wrong password is named, and the address stays in its field', async () => {
  await using played = await pageWorld(empty())
  const { email } = played.world.cloud.person()
  const page = await open()
  await page.goto(played.url)

  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill('not the password')
  await page.getByRole('button', { name: 'Sign in' }).click()

  await page.getByRole('alert').waitFor()
  expect(await page.getByLabel('E-mail address').inputValue()).toBe(email)
  expect(await page.getByLabel('Password').inputValue()).toBe('')
})

browserTest('a sign-in that waits for its code survives a reload and another window', async () => {
  await using played = await pageWorld(empty())
  const first = await open()
  await begin(first, played)

  await first.reload()
  await first.getByLabel('Code').waitFor()
  const second = await open()
  await second.goto(played.url)
  await second.getByLabel('Code').fill(played.world.cloud.person().code)
  await second.getByRole('button', { name: 'Sign in' }).click()

  await second.getByText('Signed in').waitFor()
  expect(played.world.cloud.codesSent(8021)).toBe(1)
})

browserTest('another code is sent for a click, and only once the pause is over', async () => {
  await using played = await pageWorld(empty({ resendSeconds: 3_600 }))
  const { cloud } = played.world
  const page = await open()
  await begin(page, played)

  await page.getByRole('button', { name: 'Send another code' }).click()
  await page.getByRole('alert').waitFor()
  expect(cloud.codesSent(8021)).toBe(1)
  await page.getByLabel('Code').waitFor()
})

browserTest('another code is sent once the pause is over, and signs in', async () => {
  await using played = await pageWorld(empty({ resendSeconds: 1 }))
  const { cloud } = played.world
  const page = await open()
  await begin(page, played)

  // Who is too early sees that, and nothing is sent.
  do await follow(page, () => page.getByRole('button', { name: 'Send another code' }).click())
  while (cloud.codesSent(8021) < 2)
  await page.getByLabel('Code').fill(cloud.person().code)
  await page.getByRole('button', { name: 'Sign in' }).click()

  await page.getByText('Signed in').waitFor()
})

browserTest('after a sign-out the first page is the sign-in again', async () => {
  await using played = await pageWorld()
  const page = await open()
  await page.goto(`${played.url}accounts`)

  await page.getByRole('link', { name: 'Sign out of 8021' }).click()
  await page.getByRole('heading', { name: 'Sign out of 8021?' }).waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('Signed out: 8021.').waitFor()
  await page.goto(played.url)

  await page.getByRole('heading', { name: 'Sign in to Blink' }).waitFor()
})

browserTest('without script a person signs in all the same', async () => {
  await using played = await pageWorld(empty())
  const page = await open({ javaScriptEnabled: false })
  await begin(page, played)

  await page.getByLabel('Code').fill(played.world.cloud.person().code)
  await page.getByRole('button', { name: 'Sign in' }).click()

  await page.getByText('Signed in').waitFor()
})
