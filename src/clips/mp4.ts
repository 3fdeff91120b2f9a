/**
 * Whether a file is a whole MP4: its boxes, one behind the other, must end exactly where the file ends.
 *
 * Only the headers of the boxes are read, so a file of any length costs a few small reads. What is inside the boxes
 * is not looked at: whether the picture is a good one is nobody's promise.
 */

/** A file that is read in small pieces. Fewer bytes than wanted mean that the file ends there. */
export interface ByteReader {
  readonly bytes: number
  read(offset: number, length: number): Promise<Uint8Array>
}

/** What is wrong with a file, as a reason for people and machines. */
export type Mp4Fault =
  /** It does not begin like an MP4: a page for people, JSON, zeros. */
  | 'not_mp4'
  /** A box is longer than what is left, no `mdat` follows, or something that is no box stands behind the last one. */
  | 'cut'
  /** There is nothing in it to play. */
  | 'no_moov'
  /** More boxes than any camera writes: not read any further. */
  | 'too_many_boxes'

/** A fragmented clip has two for each second or so; this leaves room for hours. */
const mostBoxes = 20_000
const shortHeaderBytes = 8
const longHeaderBytes = 16

/** @returns `undefined` for a whole file */
export async function mp4FaultOf(file: ByteReader): Promise<Mp4Fault | undefined> {
  let offset = 0
  let hasMovie = false
  let hasMedia = false
  for (let count = 0; offset < file.bytes; count += 1) {
    if (count >= mostBoxes) return 'too_many_boxes'
    const box = boxAt(await file.read(offset, longHeaderBytes), file.bytes - offset)
    if (count === 0 && box?.type !== 'ftyp') return 'not_mp4'
    if (box === undefined || box.bytes > file.bytes - offset) return 'cut'
    hasMovie ||= box.type === 'moov'
    hasMedia ||= box.type === 'mdat'
    offset += box.bytes
  }
  if (offset === 0) return 'not_mp4'
  if (!hasMovie) return 'no_moov'
  return hasMedia ? undefined : 'cut'
}

interface Box {
  readonly type: string
  readonly bytes: number
}

/** @see ISO/IEC 14496-12, 4.2: 32 bits of size and a type; 1 for a size of 64 bits behind it, 0 for "to the end" */
function boxAt(header: Uint8Array, left: number): Box | undefined {
  if (header.length < shortHeaderBytes) return undefined
  const view = new DataView(header.buffer, header.byteOffset, header.length)
  const type = String.fromCharCode(...header.subarray(4, 8))
  if (!/^[\x20-\x7e\xa9]{4}$/.test(type)) return undefined
  const size = view.getUint32(0)
  if (size === 0) return { type, bytes: left }
  if (size >= shortHeaderBytes) return { type, bytes: size }
  if (size !== 1 || header.length < longHeaderBytes) return undefined
  const bytes = Number(view.getBigUint64(8))
  return bytes >= longHeaderBytes ? { type, bytes } : undefined
}
