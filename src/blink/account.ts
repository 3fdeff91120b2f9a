/**
 * The way into an account for who has its login: the session that holds its tokens, and the calls made with them.
 */
import { type AccountCloud, createCloud } from './client.ts'
import { createSession, type Session, type SessionNeeds } from './session.ts'

/** The two hosts of the cloud, as the settings name them. */
interface Hosts {
  readonly oauthUrl: string
  readonly restUrl: string
}

export interface BlinkAccount {
  readonly session: Session
  readonly cloud: AccountCloud
}

/** Nothing is asked before the first call. */
export function blinkAccount(
  { oauthUrl, restUrl }: Hosts,
  needs: Omit<SessionNeeds, 'oauthUrl'>,
): BlinkAccount {
  const session = createSession({ ...needs, oauthUrl })
  const { http, clock, log } = needs
  return { session, cloud: createCloud({ session, http, restUrl, clock, log }) }
}
