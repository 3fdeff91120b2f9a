/**
 * Reads a small text file, or says in words why that cannot be done; never what the file holds.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { decodeText } from '../domain/decode.ts'
import { errorCode, failureOf, NotRegular } from '../domain/file-failures.ts'

const mebibyte = 1_048_576

export type TextFile =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'unusable'; readonly reason: string }

/** A shell's `<(...)`, and what a service manager hands over: there is a writer, so it comes to an end. */
const descriptor = /^\/(dev\/stdin|(dev|proc\/self)\/fd\/\d{1,9})$/

/** Reads text of at most one mebibyte from a regular file, or from an open descriptor such as `/dev/fd/3`. */
export function readTextFile(path: string): TextFile {
  try {
    const bytes = readBytes(path, mebibyte)
    if (typeof bytes === 'string') return { kind: 'unusable', reason: bytes }
    return decode(bytes)
  } catch (error) {
    const failure = failureOf(error)
    // Anything else did not come from the file system.
    if (!failure) throw error
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) {
      return { kind: 'missing', reason: 'there is no such file' }
    }
    return { kind: 'unusable', reason: failure.reason }
  }
}

/** The size a file claims is not trusted: a device claims none and never ends. */
function readBytes(path: string, most: number): Uint8Array | string {
  const isOpen = descriptor.test(path)
  // A pipe is opened at once that way, and not when somebody writes to it.
  const file = openSync(path, constants.O_RDONLY | (isOpen ? 0 : constants.O_NONBLOCK))
  try {
    const found = fstatSync(file)
    if (found.isDirectory() || !(isOpen || found.isFile())) {
      throw new NotRegular({ isDirectory: found.isDirectory() })
    }
    const buffer = Buffer.alloc(most + 1)
    let length = 0
    for (let count = -1; count !== 0 && length < buffer.length; length += count) {
      count = readSync(file, buffer, length, buffer.length - length, null)
    }
    return length > most ? 'it is larger than 1 MiB' : buffer.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

function decode(bytes: Uint8Array): TextFile {
  const text = decodeText(bytes)
  return text === undefined
    ? { kind: 'unusable', reason: 'it is neither UTF-8 nor UTF-16 text' }
    : { kind: 'text', text }
}
