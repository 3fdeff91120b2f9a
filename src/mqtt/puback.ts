/**
 * Acknowledges what the broker has sent, once it has been taken.
 *
 * A broker sends no more than it was allowed to have unacknowledged, and keeps the rest: this is how a flood is held
 * back where there is room for it.
 */

/** A PUBACK without a reason, which is the same in all versions of MQTT. */
export function puback(id: number): Uint8Array {
  return Uint8Array.of(0x40, 2, id >> 8, id & 0xff)
}

interface Received {
  readonly id: number
  taken: boolean
}

/**
 * Calls `send` with the ids of what has been taken, in the order in which it came, as MQTT wants it.
 *
 * @returns what is to be called with each id, and with what it waits for, if anything
 */
export function inOrder(
  send: (ids: readonly number[]) => void,
): (id: number, taken: Promise<unknown> | undefined) => void {
  const received: Received[] = []

  function flush(): void {
    const open = received.findIndex(({ taken }) => !taken)
    const ready = received.splice(0, open === -1 ? received.length : open)
    if (ready.length > 0) send(ready.map(({ id }) => id))
  }

  return (id, taken) => {
    const one = { id, taken: taken === undefined }
    received.push(one)
    const done = () => {
      one.taken = true
      flush()
    }
    if (taken) taken.then(done, done)
    else flush()
  }
}
