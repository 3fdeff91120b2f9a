/**
 * How much room V8 takes beyond what is in use: little.
 *
 * By itself it takes more as long as the machine has some, up to 130 MB for what is new and four times what is in use
 * for the rest. A tick's requests live for milliseconds and need neither. None of this is a limit: what is in use may
 * grow as it likes.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Room for what is new, in bytes. With a quarter of it a tick takes a fifth more processor time. */
const enoughForNew = 8 * 1024 * 1024

/** To look costs some microseconds, and between two looks the room doubles once at most. */
const lookEvery = 16

/** Has V8 collect what is old when it has grown by a tenth, and what is new in the room that it has by now. */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=10')
  setFlagsFromString('--semi-space-growth-factor=1')
}

/**
 * What is to be called with each module, and then lets the room for what is new grow while it is too small.
 *
 * V8 takes it away when there is little work, so this is never done once and for all.
 */
export function heapFitter(): () => void {
  const isNew = ({ space_name: name }: { readonly space_name: string }) => name === 'new_space'
  let calls = 0
  return () => {
    if (calls++ % lookEvery > 0) return
    const { space_size: size = enoughForNew } = getHeapSpaceStatistics().find(isNew) ?? {}
    setFlagsFromString(`--semi-space-growth-factor=${size < enoughForNew ? 2 : 1}`)
  }
}
