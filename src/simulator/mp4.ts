/**
 * A file that looks like a clip: an MP4 file type box, and one box of nothing that fills it to its size.
 *
 * No picture is in it. It is enough for clients that look at the first bytes and at the length.
 */
const FILE_TYPE = Buffer.concat([sizeField(24), Buffer.from('ftypisom\0\0\x02\0isommp41', 'latin1')])

export function clipFile(bytes: number): Buffer {
  const rest = Math.max(bytes - FILE_TYPE.length, 8)
  return Buffer.concat([FILE_TYPE, sizeField(rest), Buffer.from('free', 'latin1'), Buffer.alloc(rest - 8)])
}

function sizeField(bytes: number): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(bytes)
  return size
}
