/**
 * Which files of clips go: those older than so many days, then the oldest until the rest is small enough.
 *
 * Age is that of the recording, not of the download. What goes is remembered in the ledger and not downloaded again.
 */

/** A file that could go. */
export interface KeptFile {
  readonly path: string
  readonly bytes: number
  readonly createdAt: number
}

export interface Retention {
  /** 0 keeps files for ever. */
  readonly keepDays: number
  /** In units of 10^9 bytes; 0 is no limit. */
  readonly keepGigabytes: number
}

const dayMs = 24 * 60 * 60 * 1000
const gigabyte = 1_000_000_000

/** The files to remove, oldest first. */
export function filesToRemove<File extends KeptFile>(
  files: readonly File[],
  { keepDays, keepGigabytes }: Retention,
  now: number,
): readonly File[] {
  const oldestFirst = files.toSorted((a, b) => a.createdAt - b.createdAt || compareText(a.path, b.path))
  const oldestKept = keepDays > 0 ? now - keepDays * dayMs : Number.NEGATIVE_INFINITY
  const mostBytes = keepGigabytes > 0 ? keepGigabytes * gigabyte : Number.POSITIVE_INFINITY
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const removed: File[] = []
  for (const file of oldestFirst) {
    if (file.createdAt >= oldestKept && bytes <= mostBytes) break
    removed.push(file)
    bytes -= file.bytes
  }
  return removed
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
