/** In a file of its own, for it takes as long as the daemon's patience with a broker that does not answer. */

import { fast, home, itemsSeen, requestCount } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { wireTo } from '../support/wire.ts'
import { startWorld } from '../support/world.ts'

const two = { manifestSeconds: 0, accounts: [home(2)] }

mosquittoTest('a broker that accepts connections and stays silent is given up and retried', async () => {
  await using world = await startWorld({ simulator: two })
  await using wire = await wireTo(world.broker.port)
  wire.behave({ silent: true })
  const observer = await world.observer()
  const daemon = world.start(['run'], { ...fast, MQTT_URL: wire.url })
  await daemon.says('run done', 3)
  wire.behave({})

  await daemon.says('cannot connect to broker')
  await daemon.says('connected to broker')
  const count = requestCount(world.cloud, 'manifest-request')
  await itemsSeen(observer, count, daemon.stderr)
})
