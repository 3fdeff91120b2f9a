/**
 * `store move`: copies a data directory into the PostgreSQL that the settings name, once.
 */
import { AlreadyRunning, ConfigInvalid } from '../domain/errors.ts'
import { json } from '../domain/text.ts'
import type { Moved } from '../storage/postgres/move-directory.ts'
import type { StoreMoved } from '../topics/cli-schemas.ts'
import { type CommonOptions, openContext } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import type { Terminal } from './terminal.ts'

export async function storeMove(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const { loaded, clock, log } = await openContext(terminal, options, { quiet: true })
  const { dataDir, store } = loaded.settings
  const { url, key, schema } = store
  if (!url || !key) {
    const message = 'is needed: it names the database to move to. It is never an argument'
    throw new ConfigInvalid([{ place: 'store.url (default)', message }], {
      remedy: 'Set STORE_URL_FILE and STORE_KEY_FILE; `blink-manifestd store key` prints a new key.',
    })
  }
  const [{ moveDirectory }, { openDatabase }] = await Promise.all([
    import('../storage/postgres/move-directory.ts'),
    import('../storage/postgres/pool.ts'),
  ])
  const database = openDatabase(url.reveal(), schema)
  const moved = await moveDirectory({ dataDir, database, key, clock, log })
    .catch((error: unknown) => {
      if (!(error instanceof AlreadyRunning)) throw error
      throw new AlreadyRunning(`a daemon runs on ${dataDir}`, { cause: error, remedy: 'Stop it first.' })
    })
    .finally(() => database.close())
  terminal.out(
    options.json ? `${json(line(moved, { dataDir, schema }))}\n` : sentences(moved, { dataDir, schema }),
  )
  if (!options.json) {
    terminal.err(
      `Start the daemons with store.url and store.key now. ${dataDir} is marked, and does not start without them.\n`,
    )
  }
  return exit.done
}

interface Places {
  readonly dataDir: string
  readonly schema: string
}

function line({ place, installId, counts }: Moved, { dataDir, schema }: Places): StoreMoved {
  return {
    ...{ from: dataDir, to: place, store_schema: schema, install_id: installId },
    already_moved: counts === undefined,
    accounts: counts?.accounts ?? null,
    unidentified: counts?.unidentified ?? null,
    login_required: counts?.loginRequired ?? null,
    sync_modules: counts?.modules ?? null,
    events: counts?.events ?? null,
    waiting: counts?.waiting ?? null,
    clips: counts?.clips ?? null,
    attempts: counts?.attempts ?? null,
  }
}

function sentences({ place, counts }: Moved, { dataDir, schema }: Places): string {
  if (!counts) return `${dataDir} was moved to ${place}, schema ${schema}, before.\n`
  const { accounts, unidentified, loginRequired, modules, events, waiting, clips, attempts } = counts
  const people = loginRequired > 0 ? `, ${loginRequired} of which must sign in` : ''
  const unknown = unidentified > 0 ? ` and ${unidentified} not known yet` : ''
  return (
    `Moved ${dataDir} to ${place}, schema ${schema}: accounts ${accounts}${unknown}${people}; ` +
    `sync modules ${modules}; events ${events}, ${waiting} of which wait for the broker; clips ${clips}; ` +
    `attempts ${attempts}.\n`
  )
}
