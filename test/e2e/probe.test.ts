/** `probe` as a person meets it: at a terminal, with a page to read first. */
import { expect, test } from 'vitest'
import { sitDown, terminalTest } from '../support/at-terminal.ts'
import { home } from '../support/homes.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1)] }

terminalTest('anything but yes sends nothing', async () => {
  await using world = await startWorld({ simulator, broker: false })
  await using person = sitDown(world, ['probe'], { LOG_LEVEL: 'warn' })

  await person.sees(/at most 30 GETs in an hour[\s\S]*Type yes to begin: $/)
  person.type('yes please')

  expect(await person.ended, person.screen()).toBe(0)
  expect(person.screen()).toContain('Nothing was sent.')
  expect(world.cloud.calls).toEqual([])
})

terminalTest('after a yes it measures, and Ctrl-C prints what was learned', async () => {
  await using world = await startWorld({ simulator, broker: false })
  await using person = sitDown(world, ['probe'], { LOG_LEVEL: 'warn' })

  await person.sees(/Type yes to begin: $/)
  person.type('yes')
  await person.sees(/The manifest is there after \d/)
  person.press('c')

  expect(await person.ended, person.screen()).toBe(0)
  const [, text = ''] = /(\{\s+"schema"[\s\S]*\})/.exec(person.screen()) ?? []
  expect(JSON.parse(text)).toMatchObject({
    refresh: { count: 1, changed: 1 },
    manifest: { ready_at_s: expect.any(Number) },
    end: { reason: 'interrupted' },
  })
})

test('without a terminal it is refused, for a program cannot agree', async () => {
  await using world = await startWorld({ simulator, broker: false })

  const { code, stdout, stderr } = await world.finish(['probe'])

  expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
  expect(stderr).toContain('probe needs a terminal')
  expect(world.cloud.calls).toEqual([])
})
