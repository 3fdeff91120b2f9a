/**
 * What is made once for an installation and never changes: its id and the hardware id it shows to Blink.
 *
 * A new hardware id at each start would look like a new device each time and invite the cloud's fraud checks
 * (ha-blink-clip-downloader keeps it for that reason). Upper case, as all app-like clients send it.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { Installation } from '../domain/ports.ts'
import { parseJson, readWhole, writeWhole } from './state-files.ts'

const file = z.object({ install_id: z.string().regex(/^[0-9a-f]{8}$/), hardware_id: z.uuid() })

/**
 * Reads `install.json`, or makes it on the first run.
 *
 * @throws StoreFailed when it is damaged: a new one in its place would double every device downstream
 */
export async function openInstallation(dataDir: string, clock: Clock): Promise<Installation> {
  const path = join(dataDir, 'install.json')
  const text = await readWhole(path)
  if (text === undefined) {
    const made = { install_id: clock.uuid().slice(0, 8), hardware_id: clock.uuid().toUpperCase() }
    await writeWhole(path, `${JSON.stringify(made, undefined, 2)}\n`)
    return { installId: made.install_id, hardwareId: made.hardware_id }
  }
  const kept = file.safeParse(parseJson(text))
  if (!kept.success) {
    throw new StoreFailed(`${path} is damaged`, {
      remedy: 'Restore it from a backup. Removing it makes a new installation id: new devices downstream.',
    })
  }
  return { installId: kept.data.install_id, hardwareId: kept.data.hardware_id }
}
