/**
 * Proof that who exchanges the authorization code is who asked for it. @see RFC 7636
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../domain/clock.ts'
import { Secret } from '../domain/secret.ts'

export interface Pkce {
  /** Stays here until the exchange. */
  readonly verifier: Secret
  /** Goes ahead of it. */
  readonly challenge: string
}

export function makePkce(clock: Clock): Pkce {
  const verifier = Buffer.from(clock.randomBytes(32)).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  return { verifier: new Secret(verifier), challenge }
}
