/**
 * How near the waiting comes to the optimum: 10 workers of 10 slots at load 0.9 with tasks of 10 and 500 ms,
 * against one central queue without any delay that gets the same arrivals and the measured times (M/G/c).
 */
import { Heap } from '@berth/runtime'
import { type Sample, sendOpenLoop } from '../open-loop.ts'
import { startBerth } from '../peers/berth.ts'
import { compare, type Scenario, type Settings } from '../scenario.ts'

const WORKERS = 10
const SLOTS = 10
const LOAD = 0.9
const SHORT_MS = 10
const LONG_MS = 500
const LONG_SHARE = 0.05
const MEAN_MS = SHORT_MS * (1 - LONG_SHARE) + LONG_MS * LONG_SHARE
const IDEAL = 'the ideal central queue'

export const waiting: Scenario = {
  name: 'waiting',
  about: 'latency of uneven tasks at load 0.9 against the optimum, 10 workers of 10 slots',
  isQuick: false,
  async run(stage, settings) {
    const berth = await startBerth(stage, { workers: WORKERS, slots: SLOTS })
    const means: Pairs = { ours: [], theirs: [] }
    const tails: Pairs = { ours: [], theirs: [] }
    for (let round = 0; round < settings.rounds; round++) {
      const samples = await sendOpenLoop(berth.url, arrivalsOf(round, settings))
      const ideal = idealLatencies(samples, WORKERS * SLOTS)
      const real = samples.map(({ latencyMs }) => latencyMs)
      note(means, mean(real), mean(ideal))
      note(tails, quantile(real, 0.99), quantile(ideal, 0.99))
    }
    return {
      findings: [
        compare('mean latency ms', means.ours, IDEAL, means.theirs, { max: 1.15 }),
        compare('p99 latency ms', tails.ours, IDEAL, tails.theirs, { max: 1.05 }),
      ],
      notes: [`arrivals by seeds 1 to ${settings.rounds}, ${arrivalsOf(0, settings).count} tasks each`],
    }
  },
}

interface Pairs {
  readonly ours: number[]
  readonly theirs: number[]
}

function note({ ours, theirs }: Pairs, our: number, their: number): void {
  ours.push(our)
  theirs.push(their)
}

function arrivalsOf(round: number, { runS }: Settings) {
  const random = randomFrom(round + 1)
  // What a task takes of a slot beyond its pause, as measured on an idle machine.
  const perSecond = (LOAD * WORKERS * SLOTS * 1000) / (MEAN_MS + 1)
  return {
    perSecond,
    count: Math.round(perSecond * runS * 2),
    random,
    nextBody: () =>
      JSON.stringify({ function: 'pause', input: { ms: random() < LONG_SHARE ? LONG_MS : SHORT_MS } }),
  }
}

/** First come, first served by the slot that is free first. */
function idealLatencies(samples: readonly Sample[], slots: number): number[] {
  const freeAt = new Heap<number>((a, b) => a - b)
  for (let slot = 0; slot < slots; slot++) freeAt.push(0)
  return [...samples]
    .sort((a, b) => a.sentAt - b.sentAt)
    .map(({ sentAt, runMs }) => {
      const endsAt = Math.max(sentAt, freeAt.pop() ?? 0) + runMs
      freeAt.push(endsAt)
      return endsAt - sentAt
    })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN
}

/** Mulberry32: small, seeded, good enough to draw arrivals. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
