/**
 * Owns how a process begins and ends: which signal means what, and the order in which its parts start and stop.
 * Called by the entry of each process. Nothing here exits the process; the callbacks decide.
 * Invariants: `onFirst` and `onSecond` run at most once each; what was started is stopped, in reverse order,
 * once, whoever asks and however often; a part that hangs holds up the others for a bounded time.
 */
import { type Clock, systemClock } from './clock.ts'
import type { Log } from './log.ts'

/**
 * Ctrl-C reaches a whole process group, and parents forward it once more: what follows within this time is
 * the same wish.
 */
const ECHO_MS = 500

export type SignalHandlers = {
  /** Stop admitting, finish what runs, leave. */
  onFirst(signal: NodeJS.Signals): void
  /** End at once. */
  onSecond(signal: NodeJS.Signals): void
  /** Default SIGTERM, SIGINT and SIGHUP. */
  signals?: readonly NodeJS.Signals[]
  /** Default the machine's. */
  clock?: Clock
  /** Who announces signals; default `process`. */
  source?: {
    on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown
    removeListener(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown
  }
}

/** Listens for the signals that end a process; returns what stops listening. */
export function onSignals(handlers: SignalHandlers): () => void {
  const { signals = ['SIGTERM', 'SIGINT', 'SIGHUP'], clock = systemClock, source = process } = handlers
  let firstAtMs: number | undefined
  let isSecondSeen = false
  const receive = (signal: NodeJS.Signals) => {
    if (firstAtMs === undefined) {
      firstAtMs = clock.monoMs()
      handlers.onFirst(signal)
    } else if (!isSecondSeen && clock.monoMs() - firstAtMs >= ECHO_MS) {
      isSecondSeen = true
      handlers.onSecond(signal)
    }
  }
  for (const signal of signals) source.on(signal, receive)
  return () => {
    for (const signal of signals) source.removeListener(signal, receive)
  }
}

export type Service = {
  name: string
  start(): Promise<void>
  /** Stops admitting and finishes what runs, within `deadlineMs` from now. */
  drain?(deadlineMs: number): Promise<void>
  stop(): Promise<void>
}

export type RunningServices = {
  /** Drains in reverse order, all of it within `deadlineMs`; false when something had to be left unfinished. */
  drain(deadlineMs: number): Promise<boolean>
  /** Stops in reverse order; a failure is logged and the next one stopped. */
  stop(): Promise<void>
}

export type RunServicesOptions = {
  /** How long one service may take to stop; default 10 s. */
  stopTimeoutMs?: number
  /** When it aborts during the start, what has started is stopped and the start fails with its reason. */
  signal?: AbortSignal
}

type LifecycleLog = Pick<Log, 'debug' | 'warn' | 'error'>

/** Starts services in order. When one fails, those before it are stopped and its error is thrown. */
export async function runServices(
  services: readonly Service[],
  log: LifecycleLog,
  { stopTimeoutMs = 10_000, signal }: RunServicesOptions = {},
): Promise<RunningServices> {
  const started: Service[] = []
  try {
    for (const service of services) {
      signal?.throwIfAborted()
      // Entered before the start: one that fails half-way has something to stop as well.
      started.unshift(service)
      await service.start()
      log.debug(`${service.name} started`)
    }
    signal?.throwIfAborted()
  } catch (error) {
    await stopAll(started, log, stopTimeoutMs)
    throw error
  }
  let draining: Promise<boolean> | undefined
  let stopping: Promise<void> | undefined
  return {
    drain(deadlineMs) {
      draining ??= stopping === undefined ? drainAll(started, log, deadlineMs) : Promise.resolve(true)
      return draining
    },
    stop() {
      stopping ??= stopAll(started, log, stopTimeoutMs)
      return stopping
    },
  }
}

async function drainAll(
  services: readonly Service[],
  log: LifecycleLog,
  deadlineMs: number,
): Promise<boolean> {
  const endsAtMs = performance.now() + deadlineMs
  let isComplete = true
  for (const service of services) {
    if (service.drain === undefined) continue
    const leftMs = Math.max(0, endsAtMs - performance.now())
    const outcome = await settleWithin(service.drain.bind(service, leftMs), leftMs)
    if (outcome === 'done') continue
    isComplete = false
    reportUnfinished(log, service, 'drain', outcome)
  }
  return isComplete
}

async function stopAll(services: readonly Service[], log: LifecycleLog, timeoutMs: number): Promise<void> {
  for (const service of services) {
    const outcome = await settleWithin(service.stop.bind(service), timeoutMs)
    if (outcome === 'done') log.debug(`${service.name} stopped`)
    else reportUnfinished(log, service, 'stop', outcome)
  }
}

type Outcome = 'done' | 'late' | { error: unknown }

function reportUnfinished(
  log: LifecycleLog,
  service: Service,
  verb: string,
  outcome: Exclude<Outcome, 'done'>,
) {
  if (outcome === 'late') log.warn(`${service.name} did not ${verb} in time; going on without it`)
  else log.error(`${service.name} failed to ${verb}`, { error: outcome.error })
}

async function settleWithin(act: () => Promise<void>, limitMs: number): Promise<Outcome> {
  const late = Promise.withResolvers<Outcome>()
  const timer = setTimeout(() => late.resolve('late'), limitMs)
  const acted = Promise.try(act).then(
    (): Outcome => 'done',
    (error: unknown): Outcome => ({ error }),
  )
  try {
    return await Promise.race([acted, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
