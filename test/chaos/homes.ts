/**
 * The accounts of the run, and one that the daemon knows nothing of: asked at the end, it tells how many ids there were.
 */
import type { AccountSpec, ModuleSpec } from '../../src/simulator/account-spec.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'

export const modulesOfAccount = 3
const accountCount = 8
const firstId = 670_000_001
/** As a manifest has them, so that nobody has to strip them. */
const cameraNames = ['Porch', 'Garden_2']

export const accountIds: readonly number[] = Array.from({ length: accountCount }, (_, index) => 8_001 + index)
export const witness = 9_999

export const accounts: readonly AccountSpec[] = [...accountIds, witness].map((id, account) => ({
  id,
  region: account % 2 === 0 ? 'e008' : 'u011',
  networks: places(account).map((number) => ({ id: 44_000 + number, name: 'Home' })),
  modules: places(account).map((number) => ({
    id: 350_000 + number,
    networkId: 44_000 + number,
    name: `Module ${number}`,
  })),
  cameras: places(account).flatMap((number) =>
    camerasOf(350_000 + number).map((id, place) => ({
      ...{ id, networkId: 44_000 + number, name: cameraNames[place] ?? '' },
    })),
  ),
}))

/** The ids of a module's cameras. */
export function camerasOf(syncModuleId: number): readonly [number, number] {
  const first = 600_000 + (syncModuleId - 350_000) * 2
  return [first, first + 1]
}

/** All modules of the run, in the order in which the plan counts them. */
export const modules: readonly (ModuleSpec & { readonly account: number })[] = accounts
  .filter(({ id }) => id !== witness)
  .flatMap(({ id: account, modules: ofAccount }) => ofAccount.map((module) => ({ ...module, account })))

function places(account: number): readonly number[] {
  return Array.from({ length: modulesOfAccount }, (_, index) => account * 10 + index + 1)
}

/** How many ids the cloud has given out so far: the witness asks for one more. */
export async function idsGiven(cloud: Simulator): Promise<number> {
  const refreshToken =
    new URLSearchParams(cloud.tokens(witness).replaceAll('|', '&')).get('refresh_token') ?? ''
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: 'ios' }
  const renewed = await fetch(`${cloud.oauthUrl}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  })
  const { access_token: bearer } = (await renewed.json()) as { readonly access_token: string }
  const [own] = accounts.find(({ id }) => id === witness)?.modules ?? []
  const path = `networks/${own?.networkId}/sync_modules/${own?.id}/local_storage/manifest/request`
  const answer = await fetch(`${cloud.url}/api/v1/accounts/${witness}/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}` },
  })
  const { id } = (await answer.json()) as { readonly id: number }
  return id - firstId
}
