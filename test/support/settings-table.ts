/**
 * The README's table of settings, made from the schema. Prints it when run by itself.
 */
import { describeSettings } from '../../src/config/load.ts'

export function settingsTable(): string {
  const rows = describeSettings().map((setting) => {
    const usual =
      setting.default === undefined ? '-' : `\`${JSON.stringify(setting.default).replace(/^"|"$/g, '')}\``
    return `| \`${setting.name}\` | \`${setting.env}\` | ${usual} | ${setting.doc.replaceAll('|', '\\|')} |`
  })
  return ['| setting | environment | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

if (import.meta.main) console.log(settingsTable())
