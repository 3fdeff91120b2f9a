/**
 * `support`: one file for a bug report. Reads what is kept, so it works beside the daemon, and when the daemon does not
 * start any more.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { openStoreAnyway } from '../commands/store.ts'
import { systemClock } from '../domain/clock.ts'
import { fileFailed } from '../domain/file-failures.ts'
import { ailment } from '../storage/heartbeat.ts'
import { supportBundle } from '../support/bundle.ts'
import { lineIn, readLines } from '../support/diagnostics.ts'
import { type CommonOptions, readKnownSettings } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import type { Terminal } from './terminal.ts'
import { version } from './version.ts'

/** @param output where to write it: a path, `-` for standard output, or a new file here */
export async function support(
  terminal: Terminal,
  options: CommonOptions,
  output: string | undefined,
): Promise<ExitCode> {
  const loaded = await readKnownSettings(terminal, options)
  const { settings } = loaded
  const { dataDir } = settings
  await using store = await openStoreAnyway({ settings, clock: systemClock })
  const { credentials, limits } = await store.accounts()
  const { name, text } = await supportBundle({
    ...{ loaded, version, credentials, limits, clock: systemClock },
    report: () => store.report(),
    lines: (await readLines(dataDir)).flatMap((line) => lineIn(line) ?? []),
    daemon: (await ailment(dataDir, systemClock.now())) ?? 'alive',
  })
  if (output === '-') {
    terminal.out(text)
    return exit.done
  }
  const path = resolve(terminal.cwd, output ?? name)
  await write(path, text, { isNew: output === undefined })
  terminal.out(`${path}\n`)
  terminal.err(
    'Secrets, addresses, serial numbers and names are masked. Look through the file before you publish it.\n',
  )
  return exit.done
}

async function write(path: string, text: string, { isNew }: { readonly isNew: boolean }): Promise<void> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_EXCL } = constants
  try {
    await using file = await open(path, O_WRONLY | O_CREAT | (isNew ? O_EXCL : O_TRUNC), 0o600)
    await file.writeFile(text)
  } catch (cause) {
    throw fileFailed(`cannot write ${path}`, cause)
  }
}
