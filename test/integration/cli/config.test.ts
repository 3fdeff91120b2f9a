/** What `config` refuses, and in which words. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { config } from '../../../src/cli/config.ts'
import { exitCodeOf, sentencesOf } from '../../../src/cli/exit.ts'
import { directoryWith } from '../../support/place.ts'
import { certificate, hasOpenssl } from '../../support/tls-peer.ts'

/** The sentences and the exit code that `config` ends with. */
async function endOf(env: Readonly<Record<string, string>>, cwd = directoryWith()) {
  const out: string[] = []
  const err: string[] = []
  const terminal = {
    env,
    cwd,
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
    log: { write: () => undefined, flowing: undefined },
    outClosed: new AbortController().signal,
    outIsTerminal: false,
    errIsTerminal: false,
    stop: new AbortController().signal,
  }
  const options = { config: undefined, overrides: new Map<string, string>(), json: false }
  try {
    const code = await config(terminal, options)
    return { code, out: out.join(''), err: err.join('') }
  } catch (error) {
    return { code: exitCodeOf(error), out: out.join(''), err: sentencesOf(error) }
  }
}

const remedy = 'config/example.yaml holds every setting with its default and its reason.'

test('tokens and a broker that cannot be used are reported together, nothing is shown', async () => {
  const env = { BLINK_TOKENS: '# mine\ngarbage\nrefresh_token=hunter2|account_id=me', MQTT_URL: 'x' }

  const { code, out, err } = await endOf(env)

  expect({ code, out }).toEqual({ code: 78, out: '' })
  expect(err.split('\n')).toEqual([
    'blink-manifestd: 4 problems with the settings',
    expect.stringMatching(/^ {2}mqtt\.url \(environment MQTT_URL\): must be a URL/),
    '  blink.tokens (environment BLINK_TOKENS): line 2: a part is not of the form key=value',
    '  blink.tokens (environment BLINK_TOKENS): line 2: `refresh_token` is missing',
    '  blink.tokens (environment BLINK_TOKENS): line 3: `account_id` is not a number',
    remedy,
    '',
  ])
})

test('a TLS file that holds nonsense is reported, with every other problem', async () => {
  const nonsense = (what: string) => `-----BEGIN ${what}-----\nbm9uc2Vuc2U=\n-----END ${what}-----\n`
  const cwd = directoryWith({
    'ca.pem': nonsense('CERTIFICATE'),
    'cert.pem': 'nonsense',
    'key.pem': nonsense('PRIVATE KEY'),
  })
  const files = { MQTT_CA: 'ca.pem', MQTT_CERT: 'cert.pem', MQTT_KEY: 'key.pem' }

  const { code, err } = await endOf({ MQTT_URL: 'mqtts://broker', ...files }, cwd)

  expect(code).toBe(78)
  expect(err.split('\n').slice(1, 4)).toEqual([
    `  mqtt.ca (environment MQTT_CA): ${cwd}/ca.pem holds no certificate that can be read`,
    `  mqtt.cert (environment MQTT_CERT): ${cwd}/cert.pem is not a PEM file: it has no line with -----BEGIN`,
    `  mqtt.key (environment MQTT_KEY): ${cwd}/key.pem holds no private key that can be read without a password`,
  ])
})

test.runIf(hasOpenssl())('a key that does not belong to its certificate is told', async () => {
  const [mine, other] = [1, 2].map(() => {
    const { cert, key, dir } = certificate('20260101000000Z', '20360101000000Z')
    onTestFinished(() => rmSync(dir, { recursive: true }))
    return { cert, key }
  })
  const cwd = directoryWith({
    'ca.pem': other?.cert ?? '',
    'cert.pem': mine?.cert ?? '',
    'key.pem': mine?.key ?? '',
    'other.pem': other?.key ?? '',
  })
  const env = { MQTT_URL: 'mqtts://broker', MQTT_CA: 'ca.pem', MQTT_CERT: 'cert.pem' }

  const torn = await endOf({ ...env, MQTT_KEY: 'other.pem' }, cwd)
  const pair = await endOf({ ...env, MQTT_KEY: 'key.pem' }, cwd)

  expect(torn.code).toBe(78)
  expect(torn.err.split('\n')[1]).toBe(
    `  mqtt.key (environment MQTT_KEY): ${join(cwd, 'other.pem')} does not belong to the certificate in mqtt.cert`,
  )
  expect(pair).toMatchObject({ code: 0, err: '', out: expect.stringContaining('# environment MQTT_KEY') })
})
