/**
 * What came back for one request, before anybody has made sense of it.
 */

/** An answer as it came; `text` is somebody's data and belongs in no message. */
export interface HttpAnswer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
  /** Where a redirect points; whether to go there is the caller's affair. */
  readonly location?: string
  readonly setCookies?: readonly string[]
}
