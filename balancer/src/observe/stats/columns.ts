/**
 * What a record of a series holds. Every column is a whole number that is added up over time, or the highest of
 * it: counts as they are, levels (such as waiting tasks) as level × seconds, so that a mean is a sum over the seconds
 * that are known, at any step. Pure tables; read by series, recorder and query.
 */
import type { StatsMetric } from '@berth/protocol'

export type Family = 'served' | 'worker'

interface Column {
  readonly name: string
  readonly roll: 'sum' | 'max'
}

const sum = (name: string): Column => ({ name, roll: 'sum' })
const max = (name: string): Column => ({ name, roll: 'max' })

/** Fleet, group, contract and function. `known`: seconds in which the slots were. */
const SERVED = [
  ...['submitted', 'completed', 'failed', 'cancelled', 'expired', 'waiting'].map(sum),
  max('oldestMs'),
  ...['known', 'slots.used', 'slots.free', 'slots.maintenance', 'slots.stalled', 'slots.limit'].map(sum),
  ...['logs.debug', 'logs.info', 'logs.warn', 'logs.error', 'logs.dropped'].map(sum),
]

/**
 * `known`: seconds in which it was linked; shares in thousandths, the loop's delay in tenths of a millisecond.
 * `cpu.unknown` and the like: of the known seconds those in which it did not say that figure, as workers of another
 * make do. They stand last, so that pages without them read as zeros there.
 */
const WORKER = [
  ...['known', 'cpu', 'memory'].map(sum),
  max('loopMs'),
  max('gapMs'),
  ...['used', 'limit', 'ok', 'error', 'timeout', 'cancelled'].map(sum),
  ...['cpu.unknown', 'memory.unknown', 'loopMs.unknown'].map(sum),
]

export const COLUMNS: Readonly<Record<Family, readonly Column[]>> = { served: SERVED, worker: WORKER }

/** Histograms of a record: waits and times in the handler. */
export const HISTOGRAMS: Readonly<Record<Family, readonly string[]>> = {
  served: ['queueMs', 'runMs'],
  worker: [],
}

export function columnOf(family: Family, name: string): number {
  return COLUMNS[family].findIndex((column) => column.name === name)
}

/** By how much a stored value is larger than the shown one. */
const SCALES: Readonly<Partial<Record<StatsMetric, number>>> = { cpu: 1_000, memory: 1_000, loopMs: 10 }

export function scaleOf(metric: StatsMetric): number {
  return SCALES[metric] ?? 1
}

/** What is only known while a worker is linked, and is divided by the seconds in which one was. */
export function isOfKnown(metric: StatsMetric): boolean {
  return metric.startsWith('slots.') || ['cpu', 'memory', 'used', 'limit', 'loopMs'].includes(metric)
}
