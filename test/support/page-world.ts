/**
 * The built program with its page on, a simulated cloud and the built-in broker; and Home Assistant's way to it.
 */
import { once } from 'node:events'
import { createServer, request as forward } from 'node:http'
import type { Fault } from '../../src/simulator/fault.ts'
import type { SimulatorOptions } from '../../src/simulator/simulator.ts'
import type { Program } from './program.ts'
import { until } from './until.ts'
import { startWorld, type World } from './world.ts'

export interface PageWorld extends AsyncDisposable {
  readonly world: World
  readonly daemon: Program
  /** Where the page is, with a slash at its end. */
  readonly url: string
  /** The same for Home Assistant. */
  readonly ingressUrl: string
}

export interface PageWorldOptions {
  readonly simulator?: SimulatorOptions
  /** What the cloud does wrong until it is calmed. */
  readonly fault?: Fault
  /** True signs the account in before the start. */
  readonly isSignedIn?: boolean
  readonly env?: Readonly<Record<string, string>>
}

/** Starts all of it on free ports; `await using` takes it down. */
export async function pageWorld({
  simulator,
  fault,
  isSignedIn = true,
  env,
}: PageWorldOptions = {}): Promise<PageWorld> {
  await using parts = new AsyncDisposableStack()
  const world = parts.use(
    await startWorld({ broker: false, simulator: { manifestSeconds: 0, ...simulator } }),
  )
  if (fault) world.cloud.misbehave(fault)
  const daemon = world.start(['run'], {
    MQTT_URL: 'embedded',
    MQTT_LISTEN: '127.0.0.1:0',
    WEB_LISTEN: '127.0.0.1:0',
    WEB_INGRESS: '127.0.0.1:0',
    SCHEDULE_SPREAD_SECONDS: '0',
    ...(!isSignedIn && { BLINK_TOKENS: '' }),
    ...env,
  })
  const address = (listener: string) =>
    until(
      `the address of ${listener}`,
      () => daemon.logged().find((line) => line.msg === 'page listening' && line.listener === listener)?.url,
      { state: daemon.stderr },
    )
  const [url, ingressUrl] = [String(await address('direct')), String(await address('ingress'))]
  const stack = parts.move()
  return { world, daemon, url, ingressUrl, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

export interface IngressProxy extends AsyncDisposable {
  /** Where a browser finds the page, below a path. */
  readonly url: string
}

/** Stands between a browser and the page as Home Assistant does: takes its path away, and says which it was. */
export async function ingressProxy(target: string): Promise<IngressProxy> {
  const prefix = '/api/hassio_ingress/Zk3_a-example'
  const server = createServer((incoming, outgoing) => {
    if (!incoming.url?.startsWith(`${prefix}/`)) {
      outgoing.writeHead(404).end('not below the path')
      return
    }
    const headers = { ...incoming.headers, 'x-ingress-path': prefix }
    const { method } = incoming
    const url = new URL(incoming.url.slice(prefix.length), target)
    const passed = forward(url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    outgoing.on('close', () => passed.destroy())
    incoming.pipe(passed)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}${prefix}/`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
