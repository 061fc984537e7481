/** The core's explanation as it is shown: every worker of the list counted, the core's names for workers undone. */
import type { ExplanationView, RunView, TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { Explanation } from '../ports/task-look.ts'
import { shownId } from '../ports/worker-key.ts'
import { type EndFacts, isoOf, type RunFacts, toChoiceView, toScoreView } from './run-facts.ts'

/** Instants of the core as instants of the clock. */
export type ToInstant = (at: number) => string

export function instantsOf(clock: Clock): ToInstant {
  const offset = clock.wallMs() - clock.monoMs()
  return (at) => new Date(at + offset).toISOString()
}

/** `listed`: workers of the fleet; those that the core has not heard of yet are counted too. */
export function toExplanationView(
  explained: Explanation,
  verdict: ExplanationView['verdict'],
  listed: number,
  toInstant: ToInstant,
  refusal?: TaskError,
): ExplanationView {
  const { reasons, nearestMiss, nearest, candidates, position, heldBy, hold, worker } = explained
  const known = reasons.reduce((sum, { count }) => sum + count, 0)
  const unheard = { code: 'unknown', reason: 'has not said yet what it serves', count: listed - known }
  return {
    verdict,
    worker: worker === undefined ? null : shownId(worker),
    error: refusal ? { code: refusal.code, message: refusal.detail } : null,
    position: position ?? null,
    heldBy: heldBy ?? null,
    hold: hold
      ? { kind: hold.kind, until: hold.untilAt === undefined ? null : toInstant(hold.untilAt) }
      : null,
    workers: Math.max(listed, known),
    reasons: unheard.count > 0 ? [...reasons, unheard] : [...reasons],
    nearestMiss: nearestMiss?.replace(/#\d+: /, ': ') ?? null,
    nearest: nearest ? { ...nearest, worker: shownId(nearest.worker) } : null,
    candidates: candidates.map(toScoreView),
    choice: null,
  }
}

/** What runs waits for nobody: that the fleet is full says nothing of it. */
export function explainRunning({ worker }: Explanation): ExplanationView {
  return { ...OUT_OF_LINE, verdict: 'running', worker: worker === undefined ? null : shownId(worker) }
}

/** The fleet of today says nothing of a run that has ended: what is left is its choice, if it was noted. */
export function explainEnded(run: RunFacts & EndFacts): ExplanationView {
  return {
    ...OUT_OF_LINE,
    verdict: 'ended',
    worker: run.worker === undefined ? null : shownId(run.worker),
    error: run.error ?? null,
    choice: run.choice ? toChoiceView(run.choice, isoOf(run)) : null,
  }
}

/** The same of a run on disk. */
export function explainStored({ worker, error, explain }: RunView): ExplanationView {
  return { ...OUT_OF_LINE, verdict: 'ended', worker, error, choice: explain }
}

const OUT_OF_LINE = {
  error: null,
  position: null,
  heldBy: null,
  hold: null,
  workers: null,
  reasons: [],
  nearestMiss: null,
  nearest: null,
  candidates: [],
  choice: null,
} satisfies Partial<ExplanationView>
