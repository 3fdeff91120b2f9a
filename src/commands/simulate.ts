/**
 * `simulate`: the simulated Blink cloud, until it is asked to stop.
 */
import { startSimulator } from '../simulator/simulator.ts'
import { type ExitCode, exit } from './exit.ts'
import { stopAsked } from './run.ts'
import type { Terminal } from './terminal.ts'

export interface SimulateOptions {
  readonly host: string
  readonly port: number
}

export async function simulate(terminal: Terminal, { host, port }: SimulateOptions): Promise<ExitCode> {
  const simulator = await startSimulator({ host, port })
  terminal.out(`${simulator.url}\n`)
  terminal.err(
    [
      'A simulated Blink cloud. To let the daemon ask it:',
      `  export BLINK_OAUTH_URL='${simulator.oauthUrl}'`,
      `  export BLINK_REST_URL='${simulator.restUrl}'`,
      `  export BLINK_TOKENS='${simulator.tokens()}'`,
      `What it can do, and how to make it misbehave: curl ${simulator.url}/simulator`,
      '',
    ].join('\n'),
  )
  await stopAsked(terminal.stop)
  await simulator.close()
  return exit.done
}
