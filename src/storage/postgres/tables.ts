/**
 * The names of the tables, in one place, since each statement names them with their schema: a pooler between us and
 * the server may give each transaction another session, and with it another search path.
 */

const names = [
  ...([
    'installation',
    'note',
    'schema_version',
    'account',
    'lease',
    'credential',
    'forgotten_credential',
    'key_limit',
  ] as const),
  ...(['pause', 'start', 'pending_login', 'module', 'event', 'outbox', 'attempt'] as const),
  ...(['clip', 'clip_note', 'run', 'run_part', 'named_lease', 'command', 'rate', 'web_session'] as const),
]

export type Tables = Readonly<Record<(typeof names)[number], string>>

/** Each table's name as statements have it. */
export function tablesOf(schema: string): Tables {
  return Object.fromEntries(names.map((name) => [name, `${quoted(schema)}.${name}`])) as Tables
}

/** A name as SQL has it, whatever is in it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
