import { expect, test } from 'vitest'
import { removedVariables } from '../../../src/cli/environment.ts'

test('only harmful values of the known variables are removed', () => {
  const names = (env: Readonly<Record<string, string>>) => removedVariables(env).map(({ name }) => name)

  expect(names({ NODE_TLS_REJECT_UNAUTHORIZED: '0', MQTTJS_SOCKS_PROXY: 'socks5://127.0.0.1:9' })).toEqual([
    'NODE_TLS_REJECT_UNAUTHORIZED',
    'MQTTJS_SOCKS_PROXY',
  ])
  expect(
    names({ NODE_TLS_REJECT_UNAUTHORIZED: '1', MQTTJS_SOCKS_PROXY: '', NODE_EXTRA_CA_CERTS: 'x' }),
  ).toEqual([])
})
