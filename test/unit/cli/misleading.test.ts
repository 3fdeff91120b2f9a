import { expect, test } from 'vitest'
import { misleading } from '../../../src/cli/misleading.ts'

test('only what would lead astray is taken away', () => {
  const names = (env: Readonly<Record<string, string>>) => misleading(env).map(({ name }) => name)

  expect(names({ NODE_TLS_REJECT_UNAUTHORIZED: '0', MQTTJS_SOCKS_PROXY: 'socks5://127.0.0.1:9' })).toEqual([
    'NODE_TLS_REJECT_UNAUTHORIZED',
    'MQTTJS_SOCKS_PROXY',
  ])
  expect(
    names({ NODE_TLS_REJECT_UNAUTHORIZED: '1', MQTTJS_SOCKS_PROXY: '', NODE_EXTRA_CA_CERTS: 'x' }),
  ).toEqual([])
})
