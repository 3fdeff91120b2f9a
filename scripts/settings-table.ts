/** The table of docs/configuration.md, made from the schema of the settings. */
import { settings } from '../src/config/schema.ts'

export function settingsTable(): string {
  const rows = settings.map((setting) => {
    const usual =
      setting.default === undefined ? '-' : `\`${JSON.stringify(setting.default).replace(/^"|"$/g, '')}\``
    return `| \`${setting.name}\` | \`${setting.env}\` | ${usual} | ${setting.doc.replaceAll('|', '\\|')} |`
  })
  return ['| setting | environment | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}
