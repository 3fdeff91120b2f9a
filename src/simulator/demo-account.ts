/**
 * The home that the simulator shows when it is not told of another: one of each kind of sync module.
 *
 * Two networks share their name, one module says `enabled: false` while its storage is active, one points to
 * a network that is not listed: all three were seen on real accounts and each has broken a client.
 */
import type { AccountSpec, ClipSpec } from './account-spec.ts'

const hallClips: readonly ClipSpec[] = [
  { id: 1568781420, cameraName: 'Front Door', size: 430, createdAt: '2025-11-21T21:11:22+00:00' },
  { id: 1893118325, cameraName: 'Front Door', size: 186, createdAt: '2025-11-21T11:35:52+00:00' },
]

const garageClips: readonly ClipSpec[] = [
  { id: 2718594887, cameraName: "Driveway (Anna's)", size: 382, createdAt: '2025-11-20T21:17:25+00:00' },
  { id: 1282703322, cameraName: 'Back Door', size: 188, createdAt: '2025-11-19T15:53:02+00:00' },
  { id: 3192005412, cameraName: 'Back Door', size: 290, createdAt: '2025-11-19T07:04:05+00:00' },
]

const cabinClips: readonly ClipSpec[] = [
  { id: 2358747807, cameraName: 'Porch', size: 226, createdAt: '2025-11-20T18:12:26+00:00' },
  { id: 1289590916, cameraName: 'Boat House', size: 119, createdAt: '2025-11-18T06:34:55+00:00' },
]

export const demoAccount: AccountSpec = {
  id: 8021,
  region: 'e008',
  person: { email: 'anna@example.com', password: 'correct horse battery', code: '123456' },
  networks: [
    { id: 44107, name: 'Home' },
    { id: 44108, name: 'Home' },
    { id: 44109, name: 'Barn' },
    { id: 44110, name: 'Shed' },
    { id: 44111, name: 'Studio' },
    { id: 44113, name: 'Attic' },
    { id: 44114, name: 'Cabin' },
  ],
  modules: [
    {
      id: 350221,
      networkId: 44107,
      name: 'Garage',
      type: 'sm2',
      subtype: 'billy',
      storageEnabled: false,
      clips: garageClips,
    },
    {
      id: 350222,
      networkId: 44108,
      name: 'Hall',
      type: 'sm2',
      subtype: 'vinnie',
      storage: 'memory_full',
      clips: hallClips,
    },
    { id: 350223, networkId: 44109, name: 'Barn', type: 'sm3', storage: 'unavailable' },
    { id: 350224, networkId: 44110, name: 'Shed', type: 'sm2', status: 'offline' },
    { id: 350225, networkId: 44111, name: 'Studio', type: 'kalahari', storage: 'incompatible' },
    { id: 350226, networkId: 44112, name: 'Guest House', type: 'sm2', subtype: 'vinnie' },
    { id: 350227, networkId: 44113, name: 'Attic', type: 'sm1', firmware: '2.13.26', storage: 'absent' },
    // The one where nothing is odd: clients that are less thorough find their way here.
    { id: 350228, networkId: 44114, name: 'Cabin', type: 'sm2', subtype: 'billy', clips: cabinClips },
  ],
  cameras: [
    { id: 610001, networkId: 44107, name: "Driveway (Anna's)" },
    { id: 610002, networkId: 44107, name: 'Back Door' },
    { id: 610003, networkId: 44108, name: 'Front Door' },
    { id: 610004, networkId: 44108, name: 'Kitchen', type: 'owl' },
    { id: 610005, networkId: 44109, name: 'Gate', type: 'lotus' },
    { id: 610006, networkId: 44114, name: 'Porch' },
    { id: 610007, networkId: 44114, name: 'Boat House' },
  ],
}
