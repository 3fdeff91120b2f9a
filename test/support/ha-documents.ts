/** Every discovery document of a daemon with these modules and accounts. */
import type { ClipCamera } from '../../src/domain/clip.ts'
import type { BlinkId, Message, SyncModule } from '../../src/domain/model.ts'
import { bridgeDevice } from '../../src/homeassistant/bridge-entities.ts'
import { cameraDevice } from '../../src/homeassistant/camera-entities.ts'
import { type Discovering, discoveryDocument } from '../../src/homeassistant/documents.ts'
import { type ModuleDeviceOptions, moduleDevice } from '../../src/homeassistant/module-entities.ts'
import { topicsBelow } from '../../src/topics/topics.ts'

export const discovering: Discovering = { prefix: 'homeassistant', installId: '7f3a9c01', version: '1.2.3' }
export const topics = topicsBelow('blink-manifestd')

export function bridgeDocument(accounts: readonly BlinkId[] = ['8021']): Message {
  return discoveryDocument(discovering, bridgeDevice(topics, discovering, accounts))
}

export function moduleDocument(
  module: SyncModule,
  { severalNetworks = false, follows = false }: Partial<ModuleDeviceOptions> = {},
): Message {
  const device = moduleDevice(topics, discovering, module, { severalNetworks, follows })
  return discoveryDocument(discovering, device)
}

export function cameraDocument(camera: ClipCamera): Message {
  return discoveryDocument(discovering, cameraDevice(topics, discovering, camera))
}
