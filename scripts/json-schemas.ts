/** The schemas as JSON Schema: one document for each payload, complete in itself. */
import { z } from 'zod'
import * as cli from '../src/topics/cli-schemas.ts'
import * as command from '../src/topics/command-schemas.ts'
import * as mqtt from '../src/topics/schemas.ts'

const ofVerbs = (prefix: string, all: Readonly<Record<string, z.ZodType>>) =>
  Object.fromEntries(
    Object.entries(all).map(([verb, schema]) => [`${prefix}-${verb.replace('/', '-')}`, schema]),
  )

/** What zod checks is a whole calendar in one expression. */
const timePattern = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$'

/** By the name of its file. */
export const documents: Readonly<Record<string, z.ZodType>> = {
  'bridge-info': mqtt.bridgeInfo,
  'bridge-event': mqtt.bridgeEvent,
  'account-state': mqtt.accountState,
  'module-info': mqtt.moduleInfo,
  'module-state': mqtt.moduleState,
  'work-item': mqtt.workItem,
  'manifest-pending': mqtt.manifestPending,
  'module-event': mqtt.moduleEvent,
  'manifest-ready': mqtt.manifestReady,
  'module-clips': mqtt.clipState,
  'clip-new': mqtt.clipNew,
  ...ofVerbs('command', command.commands),
  ...ofVerbs('response', command.responses),
  'response-rejected': command.rejected,
  'once-line': cli.onceLine,
  discover: cli.discovered,
  'account-line': cli.accountLine,
  'clips-list-line': cli.clipsListLine,
  'clips-download-line': cli.clipsDownloadLine,
  'login-line': cli.loginLine,
  'store-move': cli.storeMoved,
  probe: cli.probeReport,
}

/**
 * A schema as JSON Schema.
 *
 * Objects that we write are open: a reader must ignore keys it does not know. Those of commands are closed, for the
 * daemon rejects such a key.
 */
export function jsonSchema(
  schema: z.ZodType,
  { target, open }: { readonly target: 'draft-2020-12' | 'draft-7'; readonly open: boolean },
): object {
  return z.toJSONSchema(schema, {
    target,
    // Raw JSON is how a large id stands in this process; in the document it is an integer like the others.
    unrepresentable: 'any',
    override({ jsonSchema: made }) {
      if (made.format === 'int64') delete made.anyOf
      if (made.format === 'date-time') made.pattern = timePattern
      if (target === 'draft-7' && made.dependentRequired) {
        made.dependencies = made.dependentRequired as Record<string, string[]>
        delete made.dependentRequired
      }
      if (open && made.additionalProperties === false) delete made.additionalProperties
    },
  })
}

export function isOpen(name: string): boolean {
  return !name.startsWith('command-')
}
