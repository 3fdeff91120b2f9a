/**
 * The table of docs/cloud-answers.md, made from the tables in the code and from what the code makes of each answer to a
 * manifest request.
 */
import type { CallKind } from '../src/blink/api.ts'
import { classify } from '../src/blink/response.ts'
import {
  bodyCodes,
  codeWanted,
  conflict,
  emptyAnswer,
  noSuchStatus,
  notJson,
  oauthErrors,
  statusClasses,
  statuses,
  type Verdict,
  withdrawn,
} from '../src/blink/response-codes.ts'
import { DaemonError } from '../src/domain/errors.ts'
import { outcomeOf } from '../src/domain/failure.ts'

/** What the daemon does on each verdict. */
const actions: Readonly<Record<Verdict['as'], string>> = {
  busy: 'requests again after 3, 8, 15 and 25 s, each up to a quarter longer, while the run lasts',
  offline: 'goes on with the next module; requests again in the next run if the home screen shows it online',
  no_storage: 'goes on with the next module; requests again in the next run if the home screen shows a drive',
  incompatible:
    'goes on with the next module; requests again in the next run if the home screen shows a drive',
  refused: 'goes on with the next module; requests again in the next run',
  token_refused: 'renews the access token once and sends the request once more',
  login_needed: 'requests nothing more for the account until a person has signed in',
  two_factor_needed: 'the same, and the account says `two_factor_required`',
  throttled: 'opens the circuit breaker of the account',
  no_answer: 'never sends a manifest request twice; the other requests up to twice more',
  unreadable: 'goes on with the next module; requests again in the next run',
}

interface Row {
  readonly answer: string
  readonly verdict: Verdict
  readonly kind?: CallKind
  readonly status: number
  readonly text: string
}

/** A status that says nothing by itself, for what the body alone decides. */
const plain = 400

function rows(): readonly Row[] {
  return [
    ...[...bodyCodes].map(([code, verdict]) => ({
      answer: `body code ${code}`,
      ...{ verdict, status: plain, text: JSON.stringify({ code }) },
    })),
    ...[...oauthErrors].map(([word, verdict]) => ({
      answer: `HTTP 400 with \`${word}\` to a token refresh`,
      ...{ verdict, kind: 'token' as const, status: 400, text: JSON.stringify({ error: word }) },
    })),
    {
      answer: 'HTTP 401 to a token refresh',
      ...{ verdict: withdrawn, kind: 'token' as const, status: 401, text: '' },
    },
    {
      answer: 'HTTP 412 to a token refresh, or 202 without a token',
      ...{ verdict: codeWanted, kind: 'token' as const, status: 412, text: '' },
    },
    ...[...statuses].map(([status, verdict]) => ({ answer: `HTTP ${status}`, verdict, status, text: '' })),
    { answer: 'HTTP 409 to a manifest request', verdict: conflict, status: 409, text: '' },
    ...[...statusClasses].map(([hundreds, verdict]) => ({
      answer: `any other HTTP ${hundreds}xx`,
      ...{ verdict, status: hundreds * 100 + 55, text: '' },
    })),
    { answer: 'HTTP 2xx without a body', verdict: emptyAnswer, status: 200, text: ' ' },
    { answer: 'HTTP 2xx that is not JSON', verdict: notJson, status: 200, text: '<html>' },
    { answer: 'no HTTP status at all', verdict: noSuchStatus, status: 999, text: '' },
  ]
}

/** The outcome of a module whose manifest request, or whose token refresh, is answered like this. */
function outcome({ kind = 'manifest_request', status, text }: Row): string {
  try {
    classify({ kind, status, text, now: 0 })
    return 'requested'
  } catch (error) {
    if (error instanceof DaemonError) return outcomeOf(error, kind === 'manifest_request')
    throw error
  }
}

function action({ verdict, kind }: Row): string {
  // Without a token there is nothing to go on with.
  if (kind === 'token' && verdict.as === 'refused')
    return 'requests again in the next run, with the same token'
  return actions[verdict.as]
}

function pause({ leastPauseMs }: Verdict): string {
  return leastPauseMs === undefined ? '' : ` for at least ${leastPauseMs / 60_000} min`
}

export function cloudAnswersTable(): string {
  const lines = rows().map((row) => {
    const { answer, verdict } = row
    return `| ${answer} | ${verdict.says} | ${action(row)}${pause(verdict)} | \`${outcome(row)}\` |`
  })
  return [
    '| code | meaning | what the daemon does | outcome published |',
    '|---|---|---|---|',
    ...lines,
  ].join('\n')
}
