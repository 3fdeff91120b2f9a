/**
 * The file of a clip: a short film that plays, and a `free` box that makes it unique and fills it to its size.
 *
 * Players skip the box. What is broken about a file is made here as well, from the whole one.
 */
import { testPicture } from './test-picture.ts'

const HEADER_BYTES = 8

/** A playable file of so many bytes, or the smallest there is; the same for the same mark. */
export function clipFile(bytes: number, mark: string): Buffer {
  const note = Buffer.from(mark)
  const rest = Math.max(bytes - testPicture.length, HEADER_BYTES + note.length)
  const free = Buffer.alloc(rest)
  free.writeUInt32BE(rest)
  free.write('free', 4, 'latin1')
  note.copy(free, HEADER_BYTES)
  return Buffer.concat([testPicture, free])
}

/** The file without its `moov` box: boxes that walk to the end, and nothing to play. */
export function withoutMovie(file: Buffer): Buffer {
  const boxes: Buffer[] = []
  for (let at = 0; at < file.length; at += file.readUInt32BE(at)) {
    boxes.push(file.subarray(at, at + file.readUInt32BE(at)))
  }
  return Buffer.concat(boxes.filter((box) => box.toString('latin1', 4, 8) !== 'moov'))
}
