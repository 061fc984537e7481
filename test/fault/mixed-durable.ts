/**
 * The mixed fleet of the promises that are kept over any death: two workers of ours, and two of another make, of which
 * one goes on with what nobody waits for any more, as such workers may. Who is killed, in which order and after which
 * pause follows from a seed. Used in the small by mixed-durable.test.ts, in the large by the nightly set.
 *
 * What cannot hold for a worker of another make: it is told nothing of runs, attempts and fences, and its answer comes
 * on the request alone. So when the balancer dies every run that such a worker has begins again, as after a loss, while
 * the first of them may still run there; and of three such losses a run is given up like any other. What holds for
 * all: every run that was accepted has one end, and is completed only by a handler that finished.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Scope } from '../harness/scope.ts'
import { Random } from '../simulation/random.ts'
import { type Chaos, spreadChaos } from './chaos.ts'
import { countRepeats } from './promises.ts'
import type { Site, WorkerPlan } from './site.ts'

export type MixedPlan = {
  readonly runs: number
  readonly webhooks: number
  /** Each ends one process or two. */
  readonly strikes: number
  /** Of a run, at most. */
  readonly taskMs: number
  readonly seed: number
  readonly scope: Scope
}

export type Mixed = Pick<Chaos, 'violations' | 'story'> & {
  readonly kills: Readonly<Record<Kind, number>>
  /** Runs that somebody was promised, and of them those that are shown no end. */
  readonly promised: number
  readonly lost: number
  /** Executions that began on workers of either kind. */
  readonly began: { readonly native: number; readonly foreign: number }
  readonly repeats: ReturnType<typeof countRepeats>
  /** By status. */
  readonly ends: Readonly<Record<string, number>>
}

type Kind = 'balancer' | 'native' | 'foreign'

const NATIVE: WorkerPlan = { slots: 3 }
const FOREIGN: WorkerPlan = { slots: 3, isForeign: true }
const WORKERS: readonly WorkerPlan[] = [NATIVE, FOREIGN, NATIVE, { ...FOREIGN, runsOn: true }]
const PLACES = { native: [0, 2], foreign: [1, 3] } as const
/** Every group of strikes has each of these once. */
const STRIKES: readonly (readonly Kind[])[] = [
  ['balancer'],
  ['native'],
  ['foreign'],
  ['balancer', 'foreign'],
  ['native', 'foreign'],
  ['balancer', 'native'],
  ['foreign'],
]
const PAUSE_MS = 400

/** The one that is named by `MIXED_SEED`, so that an order can be had again. */
export function drawSeed(): number {
  return Number(process.env.MIXED_SEED ?? randomInt(1, 1_000_000))
}

export async function killMixedFleet({ strikes, seed, ...plan }: MixedPlan): Promise<Mixed> {
  const random = new Random(seed)
  const chaos = await spreadChaos({
    ...plan,
    kills: strikes,
    workers: WORKERS,
    strike: (site) => strikeInOrder(site, drawOrder(strikes, random.fork()), random.fork()),
  })
  return weigh(chaos)
}

/** All kinds equally often, in random order. */
function drawOrder(strikes: number, random: Random): (readonly Kind[])[] {
  const order: (readonly Kind[])[] = []
  while (order.length < strikes) {
    const left = [...STRIKES]
    while (left.length > 0) order.push(...left.splice(random.integer(0, left.length - 1), 1))
  }
  return order.slice(0, strikes)
}

/** One strike after the other; what was killed is replaced before the next, the balancer as soon as it is gone. */
async function strikeInOrder(site: Site, order: readonly (readonly Kind[])[], random: Random): Promise<void> {
  for (const kinds of order) {
    await pause(random.integer(0, PAUSE_MS))
    const victims = kinds.flatMap((kind) => (kind === 'balancer' ? [] : [random.pick(PLACES[kind])]))
    const isBalancer = kinds.includes('balancer')
    await Promise.all([isBalancer && site.killBalancer(), ...victims.map((index) => site.killWorker(index))])
    const workers = victims.map((index) => site.restartWorker(index))
    await Promise.all([isBalancer && site.restartBalancer(), ...workers])
  }
}

function weigh({ story, violations, lives }: Chaos): Mixed {
  const { wanted, shown, executions, faults, foreign } = story
  const promised = new Set(wanted.flatMap((each) => each.promised))
  const ended = new Set(shown.filter(({ status }) => FINAL.has(status)).map(({ id }) => id))
  const starts = executions.filter(({ event }) => event === 'started')
  const abroad = starts.filter(({ pid }) => foreign?.has(pid)).length
  const kindOf = new Map(
    lives.map(({ pid, isForeign }): [number, Kind] => [pid, isForeign ? 'foreign' : 'native']),
  )
  const kills = { balancer: 0, native: 0, foreign: 0 }
  for (const { kind, pid } of faults)
    if (kind === 'balancer-killed') kills.balancer++
    else if (kind === 'worker-killed') kills[kindOf.get(pid ?? 0) ?? 'native']++
  const ends = Object.groupBy(shown, ({ status }) => status)
  return {
    story,
    violations,
    kills,
    promised: promised.size,
    lost: [...promised].filter((run) => !ended.has(run)).length,
    began: { native: starts.length - abroad, foreign: abroad },
    repeats: countRepeats(story),
    ends: Object.fromEntries(Object.entries(ends).map(([status, runs]) => [status, runs?.length ?? 0])),
  }
}

const FINAL = new Set(['completed', 'failed', 'cancelled', 'expired'])

/** One line for whoever reads the report. */
export function describeMixed({ kills, promised, lost, began, repeats, ends }: Mixed): string {
  const figures = { kills, promised, lost, began, repeats, ends }
  return JSON.stringify(figures).replaceAll('"', '').replaceAll(',', ', ')
}
