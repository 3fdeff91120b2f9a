/**
 * What the kernel says of a process: processor time, memory, bytes written. Linux only.
 */
import { readFileSync } from 'node:fs'

/** The kernel's unit of processor time is a hundredth of a second on every Linux that Node runs on. */
const msPerTick = 10
const kib = 1024

/** User and system time of all threads so far, in milliseconds. */
export function cpuMs(pid: number): number {
  // The name of the program, in parentheses, may hold anything; the fields begin after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * msPerTick
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
