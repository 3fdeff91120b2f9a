import { expect, test } from 'vitest'
import { loadFile, problemsOfFile } from '../../support/place.ts'

test.for([
  '',
  '\n',
  '# only a comment\n',
  '---\n',
  '~',
  'mqtt:\n',
  'mqtt:\n  url:\n',
  '\ufefflog: {}\n',
])('a file of %j sets nothing', (text) => {
  expect(loadFile(text).shown.every(({ origin }) => origin === 'default')).toBe(true)
})

test('a scalar means in the file what its text means in the environment', () => {
  const { settings } = loadFile(`
blink: {timeoutSeconds: "30", concurrency: 9}
schedule: {onStart: no, allowFast: True}
modules:
  include: [44107, "44107/350221", 9223372036854775807]
  exclude: 1, 2
mqtt: {username: 007, clientId: true}
`)

  expect(settings).toMatchObject({
    blink: { timeoutSeconds: 30, concurrency: 9 },
    schedule: { onStart: false, allowFast: true },
    modules: { include: ['44107', '44107/350221', '9223372036854775807'], exclude: ['1', '2'] },
    mqtt: { username: '007', clientId: 'true' },
  })
})

test.for([
  '0x14',
  '2e1',
  '20.0',
  '020',
  '0o24',
  '.inf',
  'true',
  '"20 "',
  '[20]',
  '{a: 20}',
])('a number in the file is not %s', (text) => {
  const places = problemsOfFile(`blink:\n  timeoutSeconds: ${text}`).map(({ place }) => place)

  expect(places).toEqual(['blink.timeoutSeconds (file config/local.yaml, line 2)'])
})

const line = (count: number) => `file config/local.yaml, line ${count}`
const wrong: [what: string, text: string, place: string, message: string][] = [
  [
    'a key in the wrong letters',
    'mqtt:\n  ulr: x',
    `mqtt.ulr (${line(2)})`,
    'mqtt.ulr is not a setting; did you mean mqtt.url?',
  ],
  [
    'a key in snake case',
    'mqtt: {base_topic: x}',
    `mqtt.base_topic (${line(1)})`,
    'mqtt.base_topic is not a setting; did you mean mqtt.baseTopic?',
  ],
  [
    'a key outside its section',
    'baseTopic: x',
    `baseTopic (${line(1)})`,
    'baseTopic is not a setting; did you mean mqtt.baseTopic?',
  ],
  [
    'a section in the wrong letters',
    'mqt:\n  url: x',
    `mqt (${line(1)})`,
    'mqt is not a setting; did you mean mqtt?',
  ],
  [
    'a name of the language',
    'constructor: x',
    `constructor (${line(1)})`,
    'constructor is not a setting; did you mean ',
  ],
  [
    'a full name on one line',
    'mqtt.url: x',
    `mqtt.url (${line(1)})`,
    'must be nested: "mqtt:" on one line and "url:" below it, indented',
  ],
  [
    'a setting that is there twice',
    'log:\n  level: info\n  level: warn',
    `log.level (${line(3)})`,
    `is there twice; first in ${line(2)}`,
  ],
  [
    'a section that is there twice',
    'log: {}\nmqtt: {}\nlog: {}',
    `log (${line(3)})`,
    `is there twice; first in ${line(1)}`,
  ],
  [
    'a list instead of a section',
    'mqtt:\n  - url',
    `mqtt (${line(1)})`,
    'is a section: its settings stand below it, indented; it cannot be a list',
  ],
  [
    'a value instead of a section',
    'mqtt: x',
    `mqtt (${line(1)})`,
    'is a section: its settings stand below it, indented; it cannot be a single value',
  ],
  [
    'a list at the top',
    '- mqtt',
    'file config/local.yaml',
    'must be sections such as "mqtt:" with settings below them, not a list',
  ],
  [
    'a word at the top',
    'mqtt',
    'file config/local.yaml',
    'must be sections such as "mqtt:" with settings below them, not a single value',
  ],
  ['a map instead of a value', 'mqtt:\n  url: {a: b}', `mqtt.url (${line(2)})`, 'cannot be a map'],
  [
    'a list instead of a value',
    'mqtt:\n  username: [a]',
    `mqtt.username (${line(2)})`,
    'must be text, not a list',
  ],
  [
    'a list inside a list',
    'modules:\n  include: [[1]]',
    `modules.include (${line(2)})`,
    'must be a list of plain entries: no lists, maps or gaps inside',
  ],
  [
    'a gap in a list',
    'modules:\n  include: [1, ~]',
    `modules.include (${line(2)})`,
    'must be a list of plain entries: no lists, maps or gaps inside',
  ],
  [
    'an alias',
    'mqtt:\n  password: *hunter2',
    `mqtt.password (${line(2)})`,
    'cannot be an alias: write the value itself, and one that begins with * in quotes',
  ],
  [
    'a password that begins with &',
    'mqtt:\n  password: &hunter2',
    `mqtt.password (${line(2)})`,
    'begins with &, which YAML keeps for itself: a text that does must stand in quotes',
  ],
  [
    'a password with an anchor',
    'mqtt:\n  password: &a hunter2',
    `mqtt.password (${line(2)})`,
    'begins with &, which YAML keeps for itself: a text that does must stand in quotes',
  ],
  [
    'a password that begins with #',
    'mqtt:\n  password: #hunter2',
    `mqtt.password (${line(2)})`,
    'is empty, for # begins a remark: a text that begins with # must stand in quotes',
  ],
  [
    'an empty text',
    'mqtt:\n  url: ""',
    `mqtt.url (${line(2)})`,
    'must be a URL that starts with mqtt://, mqtts://, ws:// or wss://, or the word embedded, but is empty',
  ],
  ['a key that is no name', 'mqtt:\n  hunter 2: x', line(2), "a key here is not a setting's name"],
  ['a key that is a list', '? [a]\n: b', line(1), "a key here is not a setting's name"],
  [
    'a text that is not closed',
    'mqtt:\n  url: "hunter2',
    line(2),
    'a closing quote or bracket, or a colon with a blank after it, is missing',
  ],
  ['a tab', 'mqtt:\n\turl: hunter2', line(2), 'tabs cannot be used for indentation'],
  ['a second document', 'log: {}\n---\nlog: {}', line(2), 'a second document starts here; only one is read'],
  [
    'a tag',
    'mqtt:\n  password: !secret hunter2',
    line(2),
    'tags such as !secret are not understood; a secret can stand in a file of its own',
  ],
  [
    'a text that starts with @',
    'mqtt:\n  password: @hunter2',
    line(2),
    'a text that starts with a reserved character such as @ or ` must stand in quotes',
  ],
]

test.for(wrong)('%s is reported with its line', ([, text, place, message]) => {
  const [first] = problemsOfFile(text)

  expect(first?.place).toBe(place)
  expect(first?.message).toContain(message)
  expect(JSON.stringify(problemsOfFile(text))).not.toContain('hunter2')
})

test('a file that explodes when it is unfolded is refused in no time', () => {
  const levels = Array.from({ length: 40 }, (_, at) => `x${at + 1}: &x${at + 1} [${`*x${at},`.repeat(9)}]`)
  const bomb = `x0: &x0 [1]\n${levels.join('\n')}\nmodules:\n  include: *x40\n`

  expect(problemsOfFile(bomb).map(({ message }) => message)).toContain(
    'cannot be an alias: write the value itself, and one that begins with * in quotes',
  )
})

test('a file that is nested without end is refused', () => {
  expect(problemsOfFile('['.repeat(100_000)).length).toBeGreaterThan(0)
})
