/** B4 in its longest form, only when it is named (`pnpm faults ten-minutes`): a worker cut off for ten minutes. */
import { test } from 'node:test'
import { Netspace } from '../netspace.ts'
import { partition } from '../partitions.ts'
import { Site } from '../site.ts'

const DEFAULTS = { WS_HEARTBEAT_INTERVAL: '3s', WS_HEARTBEAT_TIMEOUT: '3s', WORKER_LEASE: '30s' }

test('B4: cut off for ten minutes', async (t) => {
  const space = Netspace.open(t, 'hub', 'far')
  const workers = [
    { slots: 4, place: space.place('far') },
    { slots: 8, place: space.place('hub') },
  ]
  const site = await Site.start(t, { workers, env: DEFAULTS, place: space.place('hub') })
  const wire = {
    cut() {
      space.cut('hub', 'far')
      space.cut('far', 'hub')
    },
    heal() {
      space.heal('hub', 'far')
      space.heal('far', 'hub')
    },
  }
  await partition(t, site, wire, 600_000)
})
