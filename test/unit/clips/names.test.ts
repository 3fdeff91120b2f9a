import { resolve, sep } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clipNamer, type NameFields, numbered } from '../../../src/clips/names.ts'
import { comparable, templateProblems } from '../../../src/domain/clip.ts'
import { anyCharacter } from '../../support/characters.ts'

const template = '{network}/{camera}/{date}/{time}_{camera}.mp4'
const fields: NameFields = {
  account: '8021',
  network: 'Home',
  syncModule: 'Hall',
  camera: 'Front Door',
  createdAt: Date.UTC(2026, 10, 28, 9, 12, 44, 999),
  bytes: 440_320,
}

const nameOf = (differing: Partial<NameFields> = {}, rules = {}) =>
  clipNamer({ template, timezone: 'UTC', ...rules })({ ...fields, ...differing })
const cameraFile = (camera: string) => nameOf({ camera }, { template: '{camera}.mp4' })

test('the default template gives a name by network, camera and day', () => {
  expect(nameOf()).toBe('Home/Front Door/2026-11-28/20261128T091244Z_Front Door.mp4')
})

test('every field can be used', () => {
  const all = '{account}-{sync_module}-{size}-{date}.mp4'

  expect(nameOf({}, { template: all })).toBe('8021-Hall-440320-2026-11-28.mp4')
})

test.each([
  ['UTC', Date.UTC(2026, 6, 1, 22, 0, 0), '2026-07-01 20260701T220000Z'],
  ['Etc/UTC', Date.UTC(2026, 6, 1, 22, 0, 0), '2026-07-01 20260701T220000Z'],
  ['Europe/Berlin', Date.UTC(2026, 6, 1, 22, 0, 0), '2026-07-02 20260702T000000+0200'],
  ['Europe/London', Date.UTC(2026, 0, 1, 22, 0, 0), '2026-01-01 20260101T220000+0000'],
  ['Asia/Kathmandu', Date.UTC(2026, 0, 1, 22, 0, 0), '2026-01-02 20260102T034500+0545'],
  ['America/New_York', Date.UTC(2026, 0, 1, 2, 0, 0), '2025-12-31 20251231T210000-0500'],
  // The two hours of one name on the day when the clocks go back.
  ['Europe/Berlin', Date.UTC(2026, 9, 25, 0, 30, 0), '2026-10-25 20261025T023000+0200'],
  ['Europe/Berlin', Date.UTC(2026, 9, 25, 1, 30, 0), '2026-10-25 20261025T023000+0100'],
  ['Asia/Bangkok', 0, '1970-01-01 19700101T070000+0700'],
])('in %s the moment %d is %s', (timezone, createdAt, expected) => {
  expect(nameOf({ createdAt }, { template: '{date} {time}.mp4', timezone })).toBe(`${expected}.mp4`)
})

test.each([
  ['../../etc/passwd', '__.._etc_passwd'],
  ['..', '_'],
  ['.', '_'],
  ['', '_'],
  ['   ', '_'],
  ['.hidden', '_hidden'],
  ['a/b\\c', 'a_b_c'],
  ['a:b*c?d"e<f>g|h', 'a_b_c_d_e_f_g_h'],
  ['tab\tand\nline', 'tab and line'],
  ['bell\u0007', 'bell_'],
  ['turned \u202egnp.exe', 'turned gnp.exe'],
  ['zero\u200bwidth', 'zerowidth'],
  ['dots...', 'dots'],
  ['dots. . .', 'dots'],
  ['  blanks  ', 'blanks'],
  ['CON', '_CON'],
  ['nul', '_nul'],
  ['Com1', '_Com1'],
  ['lpt¹', '_lpt¹'],
  ['aux.front', '_aux.front'],
  ['Console', 'Console'],
  ['com10', 'com10'],
  ['u\u0308ber', 'über'],
  ['Küche 🏠', 'Küche 🏠'],
  ['half \ud83c', 'half \ufffd'],
  ['{date}', '{date}'],
  ["Anna's $(rm -rf ~) `x`", "Anna's $(rm -rf ~) `x`"],
])('a camera called %j has the file %j', (camera, expected) => {
  expect(cameraFile(camera)).toBe(`${expected}.mp4`)
})

test('a name too long is cut between characters and keeps its extension', () => {
  const file = cameraFile('🏠'.repeat(100))

  expect(file).toBe(`${'🏠'.repeat(61)}.mp4`)
  expect(Buffer.byteLength(cameraFile('x'.repeat(500)))).toBe(249)
})

test('a directory too long is cut as well', () => {
  const [directory = ''] = nameOf({ network: 'ü'.repeat(300) }).split('/')

  expect(directory).toBe('ü'.repeat(124))
})

test('the second clip of a name has a number before the extension', () => {
  expect([1, 2, 37].map((number) => numbered('a.mp4/b.mp4', number))).toEqual([
    'a.mp4/b.mp4',
    'a.mp4/b_2.mp4',
    'a.mp4/b_37.mp4',
  ])
})

test('two names that are one file on FAT are equal when compared', () => {
  expect(comparable('Home/Über.mp4')).toBe(comparable('HOME/u\u0308ber.MP4'))
  expect(comparable('Home/a.mp4')).not.toBe(comparable('Home/b.mp4'))
})

test.each([
  ['{camera}', 'it must end with .mp4'],
  ['{kamera}.mp4', '{kamera} is not known'],
  ['{camera.mp4', 'a brace has no partner'],
  ['/{camera}.mp4', 'each part between slashes'],
  ['{network}//{camera}.mp4', 'each part between slashes'],
  ['../{camera}.mp4', 'each part between slashes'],
  ['{network}/ /{camera}.mp4', 'each part between slashes'],
  ['C:{camera}.mp4', 'cannot be part of a name'],
  ['{network}\\{camera}.mp4', 'cannot be part of a name'],
])('the template %s cannot be used: %s', (wrong, reason) => {
  expect(templateProblems(wrong).join('; ')).toContain(reason)
})

test('the default template and a flat one can be used', () => {
  expect(templateProblems(template)).toEqual([])
  expect(templateProblems('{time}_{camera}.mp4')).toEqual([])
})

const anyName = fc.oneof(
  // Of all lengths: by itself it prefers a few letters.
  fc.string({ unit: anyCharacter, maxLength: 400, size: 'max' }),
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc
    .array(
      fc.constantFrom(
        '.',
        '..',
        '/',
        '\\',
        ' ',
        'con',
        'NUL',
        'COM1',
        '~',
        '\0',
        '\u202e',
        '\u0301',
        'ä',
        '🏠',
      ),
    )
    .map((parts) => parts.join('')),
)

test('no name leaves the directory, and every file system takes it', () => {
  const anyTemplate = fc.constantFrom(
    template,
    '{camera}.mp4',
    '{camera}{network}/{sync_module}/{time}.mp4',
    'clips/{camera} {network}.mp4',
    '.{camera}/{network}..mp4',
  )
  fc.assert(
    fc.property(anyTemplate, anyName, anyName, anyName, (form, camera, network, syncModule) => {
      const path = nameOf({ camera, network, syncModule }, { template: form })
      const parts = path.split('/')

      expect(resolve('/clips', path).startsWith(`/clips${sep}`)).toBe(true)
      expect(parts).toHaveLength(form.split('/').length)
      expect(path.endsWith('.mp4')).toBe(true)
      for (const part of parts) {
        expect(part).toBe(part.toWellFormed().normalize('NFC'))
        expect(Buffer.byteLength(part)).toBeLessThanOrEqual(249)
        expect(part).not.toMatch(/[\\:*?"<>|\p{Cc}\p{Cf}]|^[. ]|[. ]$|^$/u)
        expect(part).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i)
      }
      expect(Buffer.byteLength(numbered(parts.at(-1) ?? '', 99_999))).toBeLessThanOrEqual(255)
    }),
    { numRuns: 150 },
  )
})
