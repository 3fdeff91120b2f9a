/**
 * The bare loop: what the daemon's work costs when nothing is kept, guarded, checked or published.
 *
 * undici's `Pool.request` for the cloud, mqtt.js' `publishAsync` for the broker, so many loops side by side, and
 * nothing else. Started by the benches, and told over IPC what to ask and when.
 */
import { connectAsync } from 'mqtt'
import { Pool } from 'undici'

/** One module to ask. */
export interface Target {
  readonly accountId: number
  readonly networkId: number
  readonly syncModuleId: number
  readonly token: string
}

/** A message beside the work item, padded to a length. */
export interface Extra {
  readonly suffix: string
  readonly bytes: number
  readonly retain: boolean
}

export interface Errand {
  readonly cloudUrl: string
  readonly brokerUrl: string
  readonly inFlight: number
  readonly targets: readonly Target[]
  readonly extras: readonly Extra[]
}

export type Order = { readonly errand: Errand } | 'lap'

async function work({
  cloudUrl,
  brokerUrl,
  inFlight,
  targets,
  extras,
}: Errand): Promise<() => Promise<void>> {
  const pool = new Pool(cloudUrl, { connections: inFlight, pipelining: 1 })
  const client = await connectAsync(brokerUrl, { protocolVersion: 5, log: () => undefined })
  const fillers = extras.map((extra) => ({ ...extra, payload: 'x'.repeat(extra.bytes) }))

  async function ask({ accountId, networkId, syncModuleId, token }: Target): Promise<void> {
    const path =
      `/api/v1/accounts/${accountId}/networks/${networkId}/sync_modules/${syncModuleId}` +
      '/local_storage/manifest/request'
    const { body } = await pool.request({
      method: 'POST',
      path: `/rest-e008${path}`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    })
    const { id } = (await body.json()) as { readonly id: number }
    const now = new Date().toISOString()
    const eventId = crypto.randomUUID()
    const payload = JSON.stringify({
      schema: 1,
      event_type: 'manifest_requested',
      event_id: eventId,
      ts: now,
      account_id: accountId,
      network_id: networkId,
      sync_module_id: syncModuleId,
      request_id: id,
      request_id_str: String(id),
      trigger: 'schedule',
      tick_id: now,
      attempt: 1,
      poll_path: `${path}/${id}`,
      poll_url: `${cloudUrl}/rest-e008${path}/${id}`,
      requested_at: now,
      expires_at: now,
    })
    const stem = `bare/sync/${accountId}/${networkId}/${syncModuleId}`
    const properties = {
      contentType: 'application/json',
      payloadFormatIndicator: true,
      messageExpiryInterval: 600,
      userProperties: { schema: '1', event_id: eventId },
    }
    await Promise.all([
      client.publishAsync(`${stem}/manifest/requested`, payload, { qos: 1, properties }),
      ...fillers.map((extra) =>
        client.publishAsync(`${stem}/${extra.suffix}`, extra.payload, { qos: 1, retain: extra.retain }),
      ),
    ])
  }

  return async () => {
    const queue = targets.values()
    const loop = async () => {
      for (const target of queue) await ask(target)
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
  }
}

let lap: (() => Promise<void>) | undefined
process.on('message', (order: Order) => {
  const run = async () => {
    if (order === 'lap') await lap?.()
    else lap = await work(order.errand)
    process.send?.('done')
  }
  run().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  })
})
process.on('disconnect', () => process.exit(0))
