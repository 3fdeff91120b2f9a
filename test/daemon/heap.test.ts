/** How much room V8 takes, seen in a process of its own: its flags hold for all of one. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const heap = new URL('../../src/cli/heap.ts', import.meta.url).href

/** Does so much work that V8 takes room; tells what it has for the new and for the old, in MB, and what is in use. */
const work = `
  const { getHeapSpaceStatistics: spaces } = await import('node:v8')
  const { keepHeapSmall, heapFitter } = await import('${heap}')
  const isSmall = process.argv[1] === 'small'
  if (isSmall) keepHeapSmall()
  const fit = isSmall ? heapFitter() : () => undefined
  const sizeOf = (name) => spaces().find((space) => space.space_name === name).space_size / 1e6
  const held = []
  let old = 0
  for (let item = 0; item < 4_000_000; item++) {
    held[item % 300_000] = { item, text: 'item ' + item, pair: [item, item + 1] }
    if (item % 200 === 0) fit()
    if (item % 10_000 === 0) old = Math.max(old, sizeOf('old_space'))
  }
  console.log(JSON.stringify({ fresh: sizeOf('new_space'), old }))
`

/** @param how \`small\` for what the daemon does */
function roomOf(how: 'small' | 'usual'): { readonly fresh: number; readonly old: number } {
  const words = ['--input-type=module', '--eval', work, how]
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' }))
}

test('V8 takes little room beyond what is in use, and for what is new enough for a tick', () => {
  const [small, usual] = [roomOf('small'), roomOf('usual')]

  expect(small.fresh).toBeGreaterThan(8)
  expect(small.fresh).toBeLessThan(20)
  expect(usual.fresh).toBeGreaterThan(20)
  expect(small.old).toBeLessThan(usual.old * 0.6)
})

/** Runs when the program is done: as much work as a daemon has, and then what V8 has taken for what is new, in MB. */
const afterwards = `
  import { getHeapSpaceStatistics as spaces } from 'node:v8'
  process.on('exit', () => {
    const held = []
    for (let item = 0; item < 4_000_000; item++) held[item % 300_000] = { item, pair: [item, item + 1] }
    console.log(spaces().find((space) => space.space_name === 'new_space').space_size / 1e6)
  })
`

test('the program holds V8 to that before it does its work', () => {
  const words = ['--import', `data:text/javascript,${encodeURIComponent(afterwards)}`, program, '--version']

  const lines = execFileSync(process.execPath, words, { encoding: 'utf8' }).trim().split('\n')

  // By itself V8 has taken 134 by then, on a machine that has it.
  expect(Number(lines.at(-1))).toBeLessThan(40)
})
