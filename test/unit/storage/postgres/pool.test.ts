/** The URL of the store: what is wrong with one is said without a word of it, since a password is in it. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../../src/domain/errors.ts'
import { openDriver } from '../../../../src/storage/postgres/pool.ts'

test.each([
  ['no URL', 'secret', 'is no URL'],
  ['another protocol', 'mysql://me:secret@db/blink', 'is no URL'],
  ['no host', 'postgres:///secret', 'names no host'],
  ['an sslmode that cannot be kept', 'postgres://me:secret@db/blink?sslmode=prefer', 'sslmode'],
  [
    'a file that is not there',
    'postgres://me:secret@db/x?sslmode=require&sslrootcert=/no/secret',
    'sslrootcert',
  ],
  ['no number of connections', 'postgres://me:secret@db/x?connections=many', 'connections'],
  ['a stray percent sign', 'postgres://me:sec%ret-secret@db/x', '%25'],
])('%s is refused, and its text is in no message', (_case, url, words) => {
  const open = () => openDriver(url)

  expect(open).toThrow(StoreFailed)
  expect(open).toThrow(words)
  expect(open).not.toThrow('secret')
})

test.each([
  ['postgres://me:secret@db/blink', 'PostgreSQL at db:5432/blink'],
  ['postgresql://me@[::1]:5433/blink', 'PostgreSQL at [::1]:5433/blink'],
  ['postgres:///blink?host=/run/postgresql&user=me', 'PostgreSQL at /run/postgresql:5432/blink'],
])('the place of %s is named without user and password', (url, place) => {
  expect(openDriver(url).place).toBe(place)
})
