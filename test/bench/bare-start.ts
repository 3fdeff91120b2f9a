/**
 * What a bare script of the same libraries needs: to start and get one id through, and then to sit idle.
 *
 * Signs in, asks for the home screen and one manifest, publishes the id, sets a cron job, and waits to be killed.
 */
import { connectAsync } from 'mqtt'
import { schedule } from 'node-cron'
import { pino } from 'pino'
import { Pool } from 'undici'

const { CLOUD_URL = '', BROKER_URL = '', FORM = '', PATH_TO_MODULE = '', HOME = '' } = process.env

const log = pino({ level: 'info' }, pino.destination({ dest: 2, sync: true }))
const pool = new Pool(CLOUD_URL)
const connecting = connectAsync(BROKER_URL, { protocolVersion: 5, log: () => undefined })
schedule('*/5 * * * *', () => undefined)

async function ask(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
): Promise<unknown> {
  const answer = await pool.request({ method, path, headers, ...(body !== undefined && { body }) })
  return answer.body.json()
}

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const { access_token: token } = (await ask('POST', '/oauth/token', form, FORM)) as { access_token: string }
const headers = { authorization: `Bearer ${token}` }
await ask('GET', HOME, headers)
const { id } = (await ask('POST', PATH_TO_MODULE, headers)) as { id: number }
const client = await connecting
await client.publishAsync('bare/sync/1/1/1/manifest/requested', JSON.stringify({ id }), { qos: 1 })
log.info({ id }, 'published')
