/** The core's explanation as it is shown: every worker of the list counted, the core's names for workers undone. */
import type { ExplanationView, RunView, TaskError } from '@berth/protocol'
import type { Explanation } from '../ports/scheduling.ts'
import { shownId } from '../ports/worker-key.ts'
import { type EndFacts, isoOf, type RunFacts, toChoiceView, toScoreView } from './run-facts.ts'

/** `listed`: workers of the fleet; those that the core has not heard of yet are counted too. */
export function toExplanationView(
  explained: Explanation,
  verdict: ExplanationView['verdict'],
  listed: number,
  refusal?: TaskError,
): ExplanationView {
  const { reasons, nearestMiss, candidates, position, heldBy, worker } = explained
  const known = reasons.reduce((sum, { count }) => sum + count, 0)
  const unheard = { reason: 'has not said yet what it serves', count: listed - known }
  return {
    verdict,
    worker: worker === undefined ? null : shownId(worker),
    error: refusal ? { code: refusal.code, message: refusal.detail } : null,
    position: position ?? null,
    heldBy: heldBy ?? null,
    workers: Math.max(listed, known),
    reasons: unheard.count > 0 ? [...reasons, unheard] : [...reasons],
    nearestMiss: nearestMiss?.replace(/#\d+: /, ': ') ?? null,
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
  workers: null,
  reasons: [],
  nearestMiss: null,
  candidates: [],
  choice: null,
} satisfies Partial<ExplanationView>
