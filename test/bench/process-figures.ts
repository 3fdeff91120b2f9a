/**
 * What the kernel says of a process: processor time, memory, bytes written. Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs'

const nsPerMs = 1_000_000
const kib = 1024

/**
 * Processor time of all threads so far, in milliseconds.
 *
 * By the scheduler's account, in nanoseconds: a lap of a few modules takes less than the hundredth of a second in
 * which /proc/pid/stat counts. What a thread took that has ended is missing; Node's live as long as it does.
 */
export function cpuMs(pid: number): number {
  const tasks = `/proc/${pid}/task`
  const takenNs = readdirSync(tasks).map((task) => {
    const [ns] = readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')
    return Number(ns)
  })
  return takenNs.reduce((sum, ns) => sum + ns, 0) / nsPerMs
}

/** Resident memory now and at its highest, in MB of a million bytes. */
export function memoryMb(pid: number): { readonly now: number; readonly highest: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => {
    const kibs = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
    return (Number(kibs) * kib) / 1e6
  }
  return { now: field('VmRSS'), highest: field('VmHWM') }
}

/** Bytes that the process caused to be written to a disk so far. */
export function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}
