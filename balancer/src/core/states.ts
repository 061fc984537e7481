/**
 * The states of a task and of its attempts inside the core, and every way from one to the next, with
 * what takes it. The code does not ask these tables: the simulation holds each step against them, and
 * `docs/states.md` is made from them, so that neither can differ from what the core does.
 */
import type { RunStatus } from '@berth/protocol'

/**
 * `lobby`: waits for a fleet that has not answered yet · `waiting`: in the line of its lane · `sent`: an
 * attempt is at a worker and not known to have begun · `doubt`: the link of its worker is gone ·
 * `backoff`: waits for its repeat · `orphan`: has ended, and its attempt still holds its slots.
 */
export type Phase = 'lobby' | 'waiting' | 'sent' | 'running' | 'doubt' | 'backoff' | 'orphan' | 'settled'

export type Edges<State extends string> = Readonly<Record<State, Readonly<Partial<Record<State, string>>>>>

export const PHASE_EDGES: Edges<Phase> = {
  lobby: {
    waiting: 'the fleet has answered',
    settled: 'refused, cancelled, its time is up',
    doubt: 'a run that was at a worker when an earlier balancer ended',
  },
  waiting: {
    sent: 'a slot is free, or will be; a hello of a run from disk says that it runs there',
    settled: 'cancelled, its time is up',
  },
  sent: {
    running: 'STARTED',
    doubt: 'the link is gone',
    waiting: 'BUSY, RECALLED, refused, reclaimed by age',
    backoff: 'the disk cannot say that it goes there',
    settled: 'refused, lost, cancelled, its time is up',
  },
  running: {
    settled: 'END, lost, cancelled, its time is up',
    backoff: 'a failure that may be repeated',
    waiting: 'a loss that may be repeated',
    sent: 'the same, and a slot is free',
    doubt: 'the link is gone',
  },
  doubt: {
    running: 'the next hello lists it',
    waiting: 'it never started, or may be repeated',
    sent: 'the same, and a slot is free',
    settled: 'lost, cancelled, its time is up',
  },
  backoff: {
    waiting: 'its wait is over',
    sent: 'its wait is over and a slot is free',
    settled: 'cancelled, its time is up',
  },
  settled: { orphan: 'its attempt is not over' },
  orphan: { settled: 'its attempt is over' },
}

/** What a run shows while its task is in a phase; what has begun shows `running` in doubt, too. */
export const STATUS_OF_PHASE: Readonly<Record<Exclude<Phase, 'settled' | 'orphan'>, RunStatus>> = {
  lobby: 'queued',
  waiting: 'queued',
  sent: 'queued',
  running: 'running',
  doubt: 'running',
  backoff: 'queued',
}

/** An attempt holds its slots, and a lease on them, in every state but the last. */
export type AttemptState = 'sent' | 'running' | 'doubt' | 'orphan' | 'over'

export const ATTEMPT_EDGES: Edges<AttemptState> = {
  sent: {
    running: 'STARTED',
    doubt: 'the link is gone',
    orphan: 'cancelled, its time is up',
    over: 'BUSY, RECALLED, refused, reclaimed by age, the process is gone',
  },
  running: {
    over: 'END, the process is gone, WORKER_LEASE',
    doubt: 'the link is gone',
    orphan: 'cancelled, its time is up',
  },
  doubt: {
    running: 'the next hello lists it',
    over: 'the next hello does not list it, the process is gone, WORKER_LEASE',
    orphan: 'cancelled, its time is up',
  },
  orphan: { over: 'END, the next hello, the process is gone, WORKER_LEASE' },
  over: {},
}
