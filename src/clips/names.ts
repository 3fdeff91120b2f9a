/**
 * What a clip's file is called: a template, filled in and cleaned for every file system a drive may have.
 *
 * Names come from owners and may hold anything. Each part of a path is cleaned by itself after it is filled in, so a
 * value can neither add a directory nor leave the one it is in. FAT and NTFS refuse some characters, some names and
 * trailing dots; Linux refuses names of more than 255 bytes, of which six are left for the number of a second clip.
 */

export interface NameFields {
  readonly account: string
  readonly network: string
  readonly syncModule: string
  readonly camera: string
  readonly createdAt: number
  /** Of the file, in bytes. */
  readonly bytes: number
}

export interface NameRules {
  readonly template: string
  /** IANA name, of `{date}` and `{time}`. */
  readonly timezone: string
}

const longestNameBytes = 249

/** @returns a function that gives a clip's path below the directory of clips, with `/` between its parts */
export function clipNamer({ template, timezone }: NameRules): (fields: NameFields) => string {
  const timesOf = clockFor(timezone)
  const parts = template.split('/')
  return (fields) => {
    const values: Readonly<Record<string, string>> = {
      account: fields.account,
      network: fields.network,
      sync_module: fields.syncModule,
      camera: fields.camera,
      size: String(fields.bytes),
      ...timesOf(fields.createdAt),
    }
    const filled = parts.map((part) => part.replaceAll(/\{(\w+)\}/g, (_, name) => values[name] ?? ''))
    return filled.map((part, place) => cleanName(part, place === filled.length - 1)).join('/')
  }
}

/** The same path for the first clip of a name, then `_2`, `_3` and so on before the extension. */
export function numbered(path: string, number: number): string {
  return number === 1 ? path : path.replace(/(\.mp4)?$/, `_${number}$1`)
}

const extension = '.mp4'

/** Names that DOS gave to devices, with whatever extension. @see Microsoft, "Naming Files, Paths, and Namespaces" */
const device = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)[ ]*(\.|$)/i

function cleanName(filled: string, isFile: boolean): string {
  const end = isFile && filled.endsWith(extension) ? extension : ''
  const stem = filled
    .slice(0, filled.length - end.length)
    .toWellFormed()
    .replaceAll(/\s+/gu, ' ')
    // What shows nothing and turns text around.
    .replaceAll(/\p{Cf}/gu, '')
    .normalize('NFC')
    .replaceAll(/[\\/:*?"<>|\p{Cc}]/gu, '_')
    // A leading dot hides a file, and ours that are on their way have one.
    .replace(/^ *\.+/, '_')
    .trim()
  const safe = device.test(stem) ? `_${stem}` : stem
  const short = withoutTail(cutTo(safe, longestNameBytes - end.length))
  return `${short === '' ? '_' : short}${end}`
}

/** FAT and NTFS drop dots and blanks at the end, without saying so. */
function withoutTail(name: string): string {
  return name.replace(/[. ]+$/, '')
}

/** As many whole characters as fit. */
function cutTo(text: string, mostBytes: number): string {
  if (Buffer.byteLength(text) <= mostBytes) return text
  let bytes = 0
  let kept = ''
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > mostBytes) return kept
    kept += character
  }
  return kept
}

/** `{date}` as 2026-11-28 and `{time}` as 20261128T091244Z, or with an offset where the zone is not UTC. */
function clockFor(timeZone: string): (moment: number) => { readonly date: string; readonly time: string } {
  const format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
    timeZone,
    ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
    timeZoneName: 'longOffset',
  })
  const isUtc = format.resolvedOptions().timeZone === 'UTC'
  return (moment) => {
    const part: Readonly<Record<string, string>> = Object.fromEntries(
      format.formatToParts(moment).map(({ type, value }) => [type, value]),
    )
    const { year = '', month, day, hour, minute, second, timeZoneName = '' } = part
    const days = [year.padStart(4, '0'), month, day]
    const offset = /[+-]\d\d:\d\d/.exec(timeZoneName)?.[0].replace(':', '') ?? '+0000'
    return {
      date: days.join('-'),
      time: `${days.join('')}T${hour}${minute}${second}${isUtc ? 'Z' : offset}`,
    }
  }
}
