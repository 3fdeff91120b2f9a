/**
 * A camera as a device of Home Assistant: an event for each clip that was saved, and when the last one was recorded.
 * Values in, a device out.
 *
 * The event looks at no availability, since an event entity that comes back from "unavailable" fires rules again.
 */
import type { ClipCamera } from '../domain/clip.ts'
import type { Topics } from '../topics/topics.ts'
import {
  attributesTemplate,
  cameraId,
  type Device,
  type Discovering,
  entity,
  moduleId,
  readableName,
  valueTemplate,
} from './documents.ts'

/** What a dashboard needs to play the clip. */
const clipAttributes = attributesTemplate({
  media_content_id: 'value_json.media_content_id',
  path: 'value_json.path',
  size_bytes: 'value_json.size_bytes',
})

/** The camera as a device below its sync module's. */
export function cameraDevice(topics: Topics, { installId }: Discovering, camera: ClipCamera): Device {
  const objectId = cameraId(installId, camera)
  const stem = topics.camera(camera)
  const part = camera.camera.replace('/', '_')
  const own = (component: string, name: string) => ({
    uniqueId: `${objectId}_${component}`,
    slug: `blink_camera_${part}_${component}`,
    name,
  })
  return {
    objectId,
    about: {
      name: readableName(camera.cameraName) ?? `Camera ${part}`,
      manufacturer: 'Blink',
      model: 'Camera',
      via_device: moduleId(installId, camera),
    },
    availability: [topics.bridgeState],
    components: {
      clip: entity(
        'event',
        { ...own('clip', 'Clip'), icon: 'mdi:filmstrip' },
        { state_topic: `${stem}/clip/new`, event_types: ['clip_new'], availability: [] },
      ),
      last_clip: entity('sensor', own('last_clip', 'Last clip'), {
        device_class: 'timestamp',
        state_topic: `${stem}/last_clip`,
        value_template: valueTemplate('value_json.created_at'),
        json_attributes_topic: `${stem}/last_clip`,
        json_attributes_template: clipAttributes,
      }),
    },
  }
}
