/** How much room there is on the disks where files are kept. */
import { statfs } from 'node:fs/promises'

/** `undefined` where the directory cannot be looked at. */
export async function freeBytes(directory: string): Promise<number | undefined> {
  const found = await statfs(directory).catch(() => undefined)
  return found && found.bavail * found.bsize
}

/** By the directories' names, without those that cannot be looked at. */
export async function freeBytesOf(
  directories: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, number>>> {
  const free: Record<string, number> = {}
  for (const [name, directory] of Object.entries(directories)) {
    const bytes = await freeBytes(directory)
    if (bytes !== undefined) free[name] = bytes
  }
  return free
}
