/**
 * What is read of an answer's headers.
 */

export type Headers = Readonly<Record<string, string | string[] | undefined>>

/** The two headers that only the pages of a sign-in make use of. */
export function forSignIn(headers: Headers) {
  const location = single(headers.location)
  const setCookies = [headers['set-cookie'] ?? []].flat()
  return { ...(location !== undefined && { location }), ...(setCookies.length > 0 && { setCookies }) }
}

/** A header of which there is one; of several, the first. */
export function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}
