/** Loaded into the daemon by `--import`: tells how late its event loop was since it was last asked, over IPC. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
process.on('message', () => {
  process.send?.({ p99Ms: delay.percentile(99) / 1e6, mostMs: delay.max / 1e6 })
  delay.reset()
})
// The channel alone must not keep the daemon alive.
process.channel?.unref()
