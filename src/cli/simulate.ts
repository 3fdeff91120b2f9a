/**
 * `simulate`: the simulated Blink cloud, until it is stopped.
 */
import { ConfigInvalid } from '../domain/errors.ts'
import { startSimulator } from '../simulator/simulator.ts'
import { type ExitCode, exit } from './exit.ts'
import { aborted, type Terminal } from './terminal.ts'

export interface SimulateOptions {
  readonly host: string
  readonly port: number
}

export async function simulate(terminal: Terminal, { host, port }: SimulateOptions): Promise<ExitCode> {
  const simulator = await startSimulator({ host, port }).catch((cause: unknown) => {
    throw new ConfigInvalid([{ place: '--port', message: cannotListen(cause, `${host}:${port}`) }], { cause })
  })
  const person = simulator.person()
  terminal.out(`${simulator.url}\n`)
  terminal.err(
    [
      'A simulated Blink cloud. To let the daemon use it:',
      `  export BLINK_OAUTH_URL='${simulator.oauthUrl}'`,
      `  export BLINK_REST_URL='${simulator.restUrl}'`,
      `To sign in: e-mail ${person.email}, password '${person.password}', code ${person.code}:`,
      '  blink-manifestd login',
      'or take over credentials that are there already:',
      `  export BLINK_TOKENS='${simulator.tokens()}'`,
      'and somewhere to publish:',
      "  export MQTT_URL=embedded      # the daemon's built-in broker; or the URL of yours",
      `What it can do, and how to make it misbehave: curl ${simulator.url}/simulator`,
      '',
    ].join('\n'),
  )
  await aborted(terminal.stop)
  await simulator.close()
  return exit.done
}

/** @throws the cause again when it is no failure of listening */
function cannotListen(cause: unknown, where: string): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'EADDRINUSE') return `${where} is in use; choose another port, or 0 for any free one`
  if (code === 'EACCES') return `${where} may not be used by this user; choose a port above 1023`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `${where} is no address of this machine`
  throw cause
}
