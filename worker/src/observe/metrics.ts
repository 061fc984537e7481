/**
 * The worker's figures for Prometheus: counted where tasks end, written out on `GET /metrics`.
 * Told by `attempt.ts` through its ports. A text of a few lines needs no library.
 * Invariant: labels are names of this worker's own functions and fixed words, so the number of series is bounded.
 */
import { BERTH_VERSION } from '@berth/protocol'
import type { LogEntry } from '@berth/runtime'
import type { WorkerParts } from '../parts.ts'

/** Upper bounds in seconds; the last bucket has none. */
const BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]

interface Timing {
  /** By bound, not summed up. */
  readonly counts: number[]
  sumS: number
}

export type MetricParts = Pick<WorkerParts, 'identity' | 'intake' | 'condition' | 'system'>

export class Metrics {
  readonly #finished = new Map<string, Map<string, number>>()
  readonly #runTimes = new Map<string, Timing>()
  readonly #lines = new Map<string, number>()

  /** A task of `name` was answered with an outcome (`completed`, `failed`, `timeout`, …). */
  readonly noteFinished = (name: string, outcome: string, runMs: number): void => {
    const outcomes = this.#finished.get(name) ?? new Map<string, number>()
    this.#finished.set(name, outcomes)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    const timing = this.#runTimes.get(name) ?? { counts: [], sumS: 0 }
    this.#runTimes.set(name, timing)
    const seconds = runMs / 1000
    let index = 0
    while (seconds > (BOUNDS_S[index] ?? Number.POSITIVE_INFINITY)) index++
    timing.counts[index] = (timing.counts[index] ?? 0) + 1
    timing.sumS += seconds
  }

  /** For `log.follow`. */
  readonly noteLine = ({ level }: Pick<LogEntry, 'level'>): void => {
    this.#lines.set(level, (this.#lines.get(level) ?? 0) + 1)
  }

  write({ identity, intake, condition, system }: MetricParts): string {
    const { group } = identity
    const contract = String(identity.contract)
    const isMaintenance = condition.status === 'maintenance'
    const out = new Exposition()
    out.family('berth_build_info', 'gauge', 'What runs here')
    out.sample('berth_build_info', { version: BERTH_VERSION }, 1)
    out.family('berth_tasks_finished_total', 'counter', 'Attempts that were answered, by outcome')
    for (const [name, outcomes] of this.#finished)
      for (const [outcome, count] of outcomes)
        out.sample('berth_tasks_finished_total', { group, function: name, outcome }, count)
    out.family('berth_tasks_waiting', 'gauge', 'Tasks in the queue')
    out.sample('berth_tasks_waiting', { group }, intake.queued)
    out.family('berth_slots', 'gauge', 'Slots by state')
    const free = intake.limit - intake.used
    const states = {
      used: intake.used - intake.stuck,
      stuck: intake.stuck,
      free: isMaintenance ? 0 : free,
      maintenance: isMaintenance ? free : 0,
    }
    for (const [state, count] of Object.entries(states))
      out.sample('berth_slots', { group, contract, state }, count)
    out.family('berth_task_run_seconds', 'histogram', 'How long attempts ran')
    for (const [name, timing] of this.#runTimes) writeTiming(out, { group, function: name }, timing)
    out.family('berth_log_lines_total', 'counter', 'Lines written to the log')
    for (const [level, count] of this.#lines) out.sample('berth_log_lines_total', { level }, count)
    out.family('berth_event_loop_lag_seconds', 'gauge', 'Longest delay of the event loop in the last second')
    out.sample('berth_event_loop_lag_seconds', {}, system.latest.eventLoopDelayMs / 1000)
    return out.text
  }
}

function writeTiming(out: Exposition, labels: Record<string, string>, { counts, sumS }: Timing): void {
  let total = 0
  for (const [index, bound] of [...BOUNDS_S, '+Inf'].entries()) {
    total += counts[index] ?? 0
    out.sample('berth_task_run_seconds_bucket', { ...labels, le: String(bound) }, total)
  }
  out.sample('berth_task_run_seconds_sum', labels, sumS)
  out.sample('berth_task_run_seconds_count', labels, total)
}

/** The text format, version 0.0.4. */
class Exposition {
  readonly #lines: string[] = []

  family(name: string, type: string, help: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }

  sample(name: string, labels: Readonly<Record<string, string>>, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
    this.#lines.push(`${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`)
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`
  }
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
