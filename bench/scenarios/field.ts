/**
 * The field that most scenarios share: Berth, the two proxies before the same workers, HAProxy before bare
 * servers, and a bare server alone.
 */
import { startBare } from '../peers/bare.ts'
import { type Berth, startBerth } from '../peers/berth.ts'
import { startHaproxy, startNginx } from '../peers/proxies.ts'
import { type Contestant, present } from '../race.ts'
import type { Stage } from '../stage.ts'

export const OURS = 'berth'
export const HAPROXY = 'haproxy before the same workers'
export const NGINX = 'nginx before the same workers'
export const HAPROXY_BARE = 'haproxy before bare servers'
export const BARE = 'bare server'

export interface Field {
  readonly berth: Berth
  readonly contestants: readonly Contestant[]
  readonly notes: readonly string[]
}

/** `names`: only these, where time is short. */
export async function openField(stage: Stage, names?: readonly string[]): Promise<Field> {
  const berth = await startBerth(stage)
  const bare = await startBare(stage, 2)
  const { contestants, notes } = present([
    { name: OURS, url: berth.url, needs: '' },
    { name: HAPROXY, url: await startHaproxy(stage, berth.workers), needs: 'haproxy' },
    { name: NGINX, url: await startNginx(stage, berth.workers), needs: 'nginx' },
    { name: HAPROXY_BARE, url: await startHaproxy(stage, bare), needs: 'haproxy' },
    { name: BARE, url: bare[0], needs: '' },
  ])
  const wanted = contestants.filter(({ name }) => names?.includes(name) ?? true)
  return { berth, contestants: wanted, notes }
}
