/**
 * The wall clock in fractions of a millisecond, comparable with what another process reads from the kernel.
 */

/** Reads the wall clock; exact to some microseconds for as long as nobody sets the clock. */
export function wallClock(): () => number {
  // Date.now() tells whole milliseconds: at the moment it changes, the fraction is known to be zero.
  const before = Date.now()
  let edge = Date.now()
  while (edge === before) edge = Date.now()
  const offset = edge - performance.now()
  return () => performance.now() + offset
}
