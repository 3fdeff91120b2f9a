/**
 * Every way in which a person's sign-in can fail, with what to tell the person. The texts are `docs/signing-in.md`'s.
 */
import { CloudError, type CloudErrorDetails } from '../domain/errors.ts'

export type SignInProblem =
  | 'wrong_password'
  | 'amazon_account'
  | 'wrong_code'
  | 'code_expired'
  | 'too_many_codes'
  | 'too_quick'
  | 'edge_refused'
  | 'cookies_lost'
  | 'app_too_old'
  | 'not_accepted'

const texts: Readonly<Record<SignInProblem, { readonly says: string; readonly remedy: string }>> = {
  wrong_password: {
    says: 'Blink does not accept this e-mail address and password',
    remedy:
      'Try both in the Blink app first: each failed sign-in counts. ' +
      'An account that the app opens by "Sign in with Amazon" has no password that could be used here.',
  },
  amazon_account: {
    says: 'this account signs in by way of Amazon, which a program cannot do',
    remedy: 'Use a Blink account with a password of its own.',
  },
  wrong_code: {
    says: 'this is not the code that was sent',
    remedy: 'Type the one of the newest message. The same sign-in goes on; no new code is needed.',
  },
  code_expired: {
    says: 'the code is too old',
    remedy: 'Sign in again with `blink-manifestd login`, which has a new one sent.',
  },
  too_many_codes: {
    says: 'too many sign-ins or codes; Blink has locked the account for an hour',
    remedy: 'Stop every other program that signs in to this account, and wait: each try makes it longer.',
  },
  too_quick: {
    says: 'asked again too quickly, and no code was sent',
    remedy: 'Wait until then. A code that has been sent before is still good.',
  },
  edge_refused: {
    says: 'refused at the edge of the cloud before anybody looked at it; no code was sent',
    remedy:
      'Switch off a VPN or proxy, wait an hour, try from the network that your phone uses. ' +
      'If it stays so, see "406 again and again" in docs/signing-in.md.',
  },
  cookies_lost: {
    says: 'the cloud has lost track of this sign-in',
    remedy: 'Begin again with `blink-manifestd login`. Nothing is wrong with the password.',
  },
  app_too_old: {
    says: 'Blink has retired the app version that this program signs in as',
    remedy: 'Look for a newer version of blink-manifestd.',
  },
  not_accepted: {
    says: 'Blink has accepted the sign-in and then gives no token for it',
    remedy: 'Begin again with `blink-manifestd login`; if it stays so, look for a newer version.',
  },
}

/** A sign-in that came to nothing; `code` says why. */
export class SignInRefused extends CloudError {
  readonly code: SignInProblem

  constructor(code: SignInProblem, details: Omit<CloudErrorDetails, 'outcome' | 'remedy'> = {}) {
    const numbers = [
      ...(details.status === undefined ? [] : [`HTTP ${details.status}`]),
      ...(details.bodyCode === undefined ? [] : [`code ${details.bodyCode}`]),
    ]
    const { says, remedy } = texts[code]
    super(`sign-in: ${says}${numbers.length > 0 ? ` (${numbers.join(', ')})` : ''}`, {
      ...details,
      outcome: 'not-done',
      remedy,
    })
    this.code = code
  }
}
