import { expect, test } from 'vitest'
import { createModuleLock } from '../../../src/accounts/module-lock.ts'
import { settle } from '../../support/fake-clock.ts'

const never = new AbortController().signal

/** Work that goes on until a test ends it, and a list of what began and ended. */
function works() {
  const seen: string[] = []
  const ends = new Map<string, () => void>()
  const work = (name: string) => async () => {
    seen.push(`${name} begins`)
    await new Promise<void>((resolve) => ends.set(name, resolve))
    seen.push(`${name} ends`)
    return name
  }
  return { seen, work, end: (name: string) => ends.get(name)?.() }
}

test('commands to one module come one after another, those to others do not wait', async () => {
  const lock = createModuleLock()
  const { seen, work, end } = works()
  const first = lock.hold('350221', work('first'), never)
  const second = lock.hold('350221', work('second'), never)
  const other = lock.hold('350222', work('other'), never)
  await settle()
  expect(seen).toEqual(['first begins', 'other begins'])

  end('first')
  await settle()
  expect(seen.slice(2)).toEqual(['first ends', 'second begins'])
  end('second')
  end('other')
  expect(await Promise.all([first, second, other])).toEqual(['first', 'second', 'other'])
})

test('a command that fails lets the next one through', async () => {
  const lock = createModuleLock()
  const failed = lock.hold('350221', () => Promise.reject(new Error('busy')), never)
  const next = lock.hold('350221', () => Promise.resolve('done'), never)

  await expect(failed).rejects.toThrow('busy')
  expect(await next).toBe('done')
})

test('one that waits can be called off, and the next one still waits for the holder', async () => {
  const lock = createModuleLock()
  const { seen, work, end } = works()
  const stop = new AbortController()
  const first = lock.hold('350221', work('first'), never)
  const calledOff = lock.hold('350221', work('called off'), stop.signal)
  const third = lock.hold('350221', work('third'), never)

  stop.abort(new Error('stopping'))
  await expect(calledOff).rejects.toThrow('stopping')
  await settle()
  expect(seen).toEqual(['first begins'])
  end('first')
  await first
  await settle()
  end('third')
  await third
  expect(seen).toEqual(['first begins', 'first ends', 'third begins', 'third ends'])
})
