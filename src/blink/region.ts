/**
 * The region of an account, which becomes part of the host name that its tokens are sent to.
 *
 * So nothing but a plain label may pass: `evil.example/` in an answer or in a token line must not redirect a
 * token. Seen: `e006`, `e007`, `e008`, `u011`, `u047`, `prod`.
 */

/**
 * Where an account's region is asked for. @see blinkpy e33bdef, blinkpy/helpers/constants.py, TIER_ENDPOINT
 */
export const gatewayRegion = 'prod'

/**
 * The region in lower case, or `undefined` when the text cannot be one. A host's first label, `rest-e006`, is
 * what some notes call the region.
 */
export function regionOf(text: string): string | undefined {
  const region = text.toLowerCase().replace(/^rest-/, '')
  return /^[a-z0-9][a-z0-9-]{0,19}$/.test(region) ? region : undefined
}
