/**
 * The states of a worker, in the order in which the balancer asks: the first that applies is the one. Each
 * has a change of the picture that brings it about; states.test.ts holds them against the verdict itself,
 * and what one change leads to is found by trying.
 */

import { Interfaces } from '../../balancer/src/fleet/interfaces.ts'
import { newPicture, type Picture, viewOf } from '../../balancer/src/fleet/picture.ts'
import { reportFrom } from '../../balancer/src/fleet/self-report.ts'
import { makeEntry } from '../../balancer/src/fleet/testing/fleet-bench.ts'
import { hashOf, makeFunctions, makeHello } from '../../balancer/src/fleet/testing/scripted-worker.ts'
import type { WorkerState, WorkerView } from '../../protocol/src/index.ts'

/** What may be the case of a worker, each for itself. */
export interface Circumstances {
  readonly isLeaving: boolean
  readonly link: 'none' | 'failed' | 'open'
  readonly isOfAnotherGroup: boolean
  readonly isSilent: boolean
  readonly isPutAway: boolean
  readonly isOdd: boolean
  readonly isLetGo: boolean
  readonly says: 'ready' | 'unready' | 'draining'
  readonly isEjected: boolean
  readonly isFull: boolean
  readonly isBusy: boolean
}

export interface WorkerRow {
  readonly status: WorkerState
  readonly when: string
  readonly takesTasks: boolean
  readonly change: Partial<Circumstances>
}

export const WORKER_ROWS: readonly WorkerRow[] = [
  row('leaving', 'removed from workers.json, and something still runs there', { isLeaving: true }),
  row('unreachable', 'the last dial failed', { link: 'failed' }),
  row('connecting', 'being dialled, or it has not said yet what it can do', { link: 'none' }),
  row('mismatch', 'of another group than its entry says', { isOfAnotherGroup: true }),
  row('stalled', 'linked, and silent for longer than the heartbeat allows', { isSilent: true }),
  row('draining', 'in maintenance, and something still runs there', { isPutAway: true, isBusy: true }),
  row('maintenance', 'the file, an operator or the worker itself says so', {
    isPutAway: true,
    isBusy: false,
    isFull: false,
  }),
  row('mismatch', 'its functions differ from those of the majority, or it is refused for what it is', {
    isOdd: true,
  }),
  row('draining', 'of another make, and the balancer is shutting down', { isLetGo: true }),
  row('draining', 'it is shutting down', { says: 'draining' }),
  row('unready', 'a service of it is down, or it is starting', { says: 'unready' }),
  row('ejected', 'left out for its failures, until it is tried again', { isEjected: true }),
  row('saturated', 'all its slots are taken', { isFull: true }, true),
  row('ready', 'none of these', {}, true),
]

function row(
  status: WorkerState,
  when: string,
  change: Partial<Circumstances>,
  takesTasks = false,
): WorkerRow {
  return { status, when, takesTasks, change }
}

export const IN_SERVICE: Circumstances = {
  isLeaving: false,
  link: 'open',
  isOfAnotherGroup: false,
  isSilent: false,
  isPutAway: false,
  isOdd: false,
  isLetGo: false,
  says: 'ready',
  isEjected: false,
  isFull: false,
  isBusy: false,
}

const functions = makeFunctions('hello')
const known = new Interfaces(() => []).restore(hashOf(functions), functions)
const intent = { worker: 'w', reason: null, since: '', until: null, deadline: null, by: null }
const since = { since: null, until: null, reason: null, failures: 5 }

/** The worker as the balancer shows it. */
export function viewIn(circumstances: Circumstances): WorkerView {
  const { isLeaving, link, isOfAnotherGroup, isSilent, isPutAway } = circumstances
  const { isOdd, isLetGo, says, isEjected } = circumstances
  const used = circumstances.isFull ? 2 : circumstances.isBusy ? 1 : 0
  const slots = { limit: 2, used, linked: used, stuck: 0, queued: 0, queueLimit: 9 }
  const entry = makeEntry('http://w:1', isOfAnotherGroup ? { group: 'other' } : {})
  const picture: Picture = {
    ...newPicture('w', entry),
    isLeaving,
    link: link === 'open' ? 'open' : 'none',
    problem: link === 'failed' ? { status: 'unreachable', reason: 'nothing listens' } : null,
    isSilent,
    report: reportFrom(makeHello(functions, { status: says, slots })),
    known,
    intent: isPutAway ? intent : undefined,
    isForeign: isLetGo,
    isFinishing: isLetGo,
    oddity: isOdd ? { reason: 'another input' } : undefined,
  }
  return viewOf(picture, 'w', { ...since, state: isEjected ? 'open' : 'closed' })
}

const CHOICES: { readonly [Name in keyof Circumstances]: readonly Circumstances[Name][] } = {
  isLeaving: [false, true],
  link: ['none', 'failed', 'open'],
  isOfAnotherGroup: [false, true],
  isSilent: [false, true],
  isPutAway: [false, true],
  isOdd: [false, true],
  isLetGo: [false, true],
  says: ['ready', 'unready', 'draining'],
  isEjected: [false, true],
  isFull: [false, true],
  isBusy: [false, true],
}
const NAMES = Object.keys(CHOICES) as (keyof Circumstances)[]

/** Everything that may be the case together. */
export function* allCircumstances(names = NAMES, base = IN_SERVICE): Iterable<Circumstances> {
  const [name, ...rest] = names
  if (name === undefined) return yield base
  for (const choice of CHOICES[name]) yield* allCircumstances(rest, { ...base, [name]: choice })
}

/** The states that one change of anything leads to, by state. */
export function findWorkerSteps(): Map<WorkerState, Set<WorkerState>> {
  const steps = new Map<WorkerState, Set<WorkerState>>(WORKER_ROWS.map(({ status }) => [status, new Set()]))
  const statuses = new Map<string, WorkerState>()
  const statusIn = (circumstances: Circumstances): WorkerState => {
    const key = NAMES.map((name) => circumstances[name]).join()
    const status = statuses.get(key) ?? viewIn(circumstances).status
    statuses.set(key, status)
    return status
  }
  for (const circumstances of allCircumstances())
    for (const name of NAMES)
      for (const choice of CHOICES[name]) {
        const [from, to] = [statusIn(circumstances), statusIn({ ...circumstances, [name]: choice })]
        if (from !== to) steps.get(from)?.add(to)
      }
  return steps
}
