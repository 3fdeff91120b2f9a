/**
 * Reads a small text file, or says in words why that cannot be done; never what the file holds.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const mebibyte = 1_048_576

export type TextFile =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'unusable'; readonly reason: string }

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'the permission to read it is missing',
  EPERM: 'the permission to read it is missing',
  EISDIR: 'it is a directory, not a file',
  ELOOP: 'its symbolic links go round in a circle',
  ENAMETOOLONG: 'its name is too long',
}

/** Reads UTF-8 text of at most one mebibyte. Pipes are read too, so that a shell's `<(...)` works. */
export function readTextFile(path: string): TextFile {
  try {
    const bytes = readBytes(path, mebibyte)
    if (typeof bytes === 'string') return { kind: 'unusable', reason: bytes }
    return decode(bytes)
  } catch (error) {
    const code = codeOf(error)
    // Anything without a code did not come from the file system.
    if (code === undefined) throw error
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing', reason: 'there is no such file' }
    return { kind: 'unusable', reason: reasons[code] ?? `the system says ${code}` }
  }
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The size a file claims is not trusted: a device claims none and never ends. */
function readBytes(path: string, most: number): Uint8Array | string {
  const descriptor = openSync(path, 'r')
  try {
    if (fstatSync(descriptor).isDirectory()) return 'it is a directory, not a file'
    const buffer = Buffer.alloc(most + 1)
    let length = 0
    for (let count = -1; count !== 0 && length < buffer.length; length += count) {
      count = readSync(descriptor, buffer, length, buffer.length - length, null)
    }
    return length > most ? 'it is larger than 1 MiB' : buffer.subarray(0, length)
  } finally {
    closeSync(descriptor)
  }
}

function decode(bytes: Uint8Array): TextFile {
  try {
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return { kind: 'unusable', reason: 'it is not UTF-8 text' }
  }
}
