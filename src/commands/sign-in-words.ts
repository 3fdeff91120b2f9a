/**
 * What a sign-in has come to, in sentences for a person, whoever shows them: a terminal or a page. Pure.
 *
 * Text from the cloud is in them as it came; whoever shows a sentence makes it safe.
 */
import type { PendingSignIn } from '../blink/sign-in.ts'
import { codeLifeMs, SignInRefused } from '../blink/sign-in-responses.ts'
import { CloudError, type DaemonError } from '../domain/errors.ts'
import type { Words } from '../domain/words.ts'
import { type Kept, resendAt } from './sign-in.ts'

type Sentences = readonly Words[]

/** Where a code went, how long it lives, and when there can be another. */
export function whereSent(pending: Pick<PendingSignIn, 'sentAt' | 'challenge'>): Sentences {
  const { phone = 'your phone or e-mail', method } = pending.challenge ?? {}
  const way = method === undefined ? '' : ` by ${method}`
  const until = { at: pending.sentAt + codeLifeMs }
  const another = { at: resendAt(pending) }
  return [
    [`Blink has sent a code${way} to ${phone}.`],
    ['It is good until about ', until, '; another one can be had from ', another, ' on.'],
  ]
}

/** Which account is signed in, with advice where the end of its credentials is in sight. */
export function keptWords({ credentials, unknown, replaced, pausedUntil }: Kept): Sentences {
  const { accountId, region, clientId } = credentials
  const who = accountId === undefined ? 'the account' : `account ${accountId}`
  const where = region === undefined ? '' : ` in region ${region}`
  const isOfAccount = replaced.some((old) => old.accountId !== undefined)
  const before = isOfAccount ? ' It takes the place of the login before.' : ''
  const nameless = replaced.filter((old) => old.accountId === undefined)
  const again = pausedUntil === undefined ? 'with its first run' : 'after the pause'
  return [
    [`Signed in: ${who}${where}.${before}`],
    ...nameless.map(({ key }) => [
      `The login ${key} is given up for it: Blink had refused that one before it named its account.`,
    ]),
    ...(pausedUntil === undefined
      ? []
      : [['Blink wants a pause of this account until ', { at: pausedUntil }, '.']]),
    ...(unknown
      ? [
          [`Blink did not say where the account is (${unknown.message}).`],
          [`The login is kept all the same, and the daemon requests it ${again}.`],
        ]
      : []),
    ...(clientId === 'ios' ? [] : retiredClient(clientId)),
  ]
}

/** A token lives and dies with the client it was issued to. */
function retiredClient(clientId: string): Sentences {
  return [
    [`This token was issued to the client ${clientId}, for which Blink gives no new logins any more. It is`],
    [
      'refreshed as that client for as long as Blink allows it; nobody knows until when. The day it stops, the account',
    ],
    ['says `login_required`: sign in then, or better now.'],
  ]
}

/** Why it came to nothing, in the cloud's words as well where it gave any, when to try again, and what to do. */
export function failedWords(error: DaemonError): Sentences {
  const at = error instanceof CloudError ? error.retryAt : undefined
  const says = error instanceof SignInRefused ? error.cloudSays : undefined
  return [
    [error.message, ...(at === undefined ? [] : ['. Not before ', { at }])],
    ...(says === undefined ? [] : [[`Blink says: “${says}”`]]),
    ...(error.remedy === undefined ? [] : [[error.remedy]]),
  ]
}
