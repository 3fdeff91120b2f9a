import { expect, test } from 'vitest'
import { parseFault, parseModuleChange } from '../../../src/simulator/parse-fault.ts'

test('a fault is read with all its fields', () => {
  const source =
    '{"kind":"status","status":503,"text":"no","headers":{"Retry-After":"9"},"path":"token","count":2}'

  expect(parseFault(source)).toEqual({ value: JSON.parse(source) })
})

test('a path between slashes is an expression, any other a part of the path', () => {
  expect(parseFault('{"kind":"busy","path":"/request$/"}')).toEqual({
    value: { kind: 'busy', path: /request$/ },
  })
  expect(parseFault('{"kind":"busy","path":"/networks"}')).toEqual({
    value: { kind: 'busy', path: '/networks' },
  })
})

test.each([
  ['{', 'the body must be a JSON object'],
  ['[]', 'the body must be a JSON object'],
  ['{"kind":"nap"}', 'kind must be one of status'],
  ['{"kind":"toString"}', 'kind must be one of status'],
  ['{"kind":"status"}', 'the kind status needs status'],
  ['{"kind":"slow"}', 'the kind slow needs delayMs'],
  ['{"kind":"redirect"}', 'the kind redirect needs location'],
  ['{"kind":"status","status":99}', 'status must be an HTTP status'],
  ['{"kind":"edge","status":500}', 'status must be 403 or 406'],
  ['{"kind":"busy","count":0}', 'count must be a positive integer'],
  ['{"kind":"busy","probability":2}', 'probability must be a number from 0 to 1'],
  ['{"kind":"busy","path":"/(/"}', 'path must be a text, or an expression'],
  ['{"kind":"busy","headers":{"a":1}}', 'headers must be an object of texts'],
  ['{"kind":"huge","megabytes":99999}', 'megabytes must be an integer'],
  ['{"kind":"busy","colour":1}', 'colour is not known; known are kind'],
])('%s is refused: %s', (source, problem) => {
  expect(parseFault(source)).toEqual({ problems: [expect.stringContaining(problem)] })
})

test('all problems are reported at once', () => {
  expect(parseFault('{"kind":"busy","count":0,"colour":1}')).toMatchObject({ problems: { length: 2 } })
})

test('a change of a module is read the same way', () => {
  expect(parseModuleChange('{"status":"offline","networkId":7}')).toEqual({
    value: { status: 'offline', networkId: 7 },
  })
  expect(parseModuleChange('{"onboarded":"yes","id":3}')).toMatchObject({ problems: { length: 2 } })
})
