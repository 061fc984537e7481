/**
 * What became of each worker between two looks at the fleet, in the words of the activity. Pure but for what it
 * remembers; used by system-activity.ts. Invariant: at most one entry a worker and kind of change at each look.
 *
 *   new ──linked──▶ here ──silent──▶ stalled ──gone──▶ lost ──linked──▶ here
 */
import type { WorkerState, WorkerView } from '@berth/protocol'
import type { ActivityNote } from '../ports/activity.ts'

export interface Happening {
  readonly worker: string
  /** Behind "12 workers". */
  readonly words: string
  readonly note: ActivityNote
}

type Phase = 'new' | 'here' | 'stalled' | 'lost'

interface Remembered {
  readonly phase: Phase
  readonly isEjected: boolean
  readonly isMismatch: boolean
  /** Null until it was linked. */
  readonly build: Build | null
}

type Build = Pick<WorkerView, 'version' | 'contract' | 'functions'>

const AWAY: Readonly<Partial<Record<WorkerState, Phase>>> = { stalled: 'stalled', unreachable: 'lost' }

export class WorkerHistory {
  #known = new Map<string, Remembered>()

  get size(): number {
    return this.#known.size
  }

  compare(workers: readonly WorkerView[]): readonly Happening[] {
    const before = this.#known
    const now = new Map<string, Remembered>()
    const happenings: Happening[] = []
    for (const worker of workers) {
      if (worker.status === 'leaving') continue
      const known = before.get(worker.id)
      const next = remember(worker, known)
      now.set(worker.id, next)
      happenings.push(...describe(worker, known, next))
    }
    for (const id of before.keys()) if (!now.has(id)) happenings.push(tell(id, 'left', 'left the list'))
    this.#known = now
    return happenings
  }
}

function remember(worker: WorkerView, known: Remembered | undefined): Remembered {
  const { status } = worker
  // Dialled again: what it was before holds until it has answered or failed.
  const phase = status === 'connecting' ? (known?.phase ?? 'new') : (AWAY[status] ?? 'here')
  const isNew = phase === 'lost' && (known?.phase ?? 'new') === 'new'
  return {
    phase: isNew ? 'new' : phase,
    isEjected: status === 'ejected',
    isMismatch: status === 'mismatch',
    build: phase === 'here' && status !== 'connecting' ? buildOf(worker) : (known?.build ?? null),
  }
}

function buildOf({ version, contract, functions }: WorkerView): Build {
  return { version, contract, functions: functions.toSorted() }
}

function describe(worker: WorkerView, known: Remembered | undefined, now: Remembered): Happening[] {
  const { id, reason } = worker
  const because = reason === null ? '' : ` (${reason})`
  const happenings: Happening[] = []
  const was = known?.phase ?? 'new'
  if (was !== now.phase) happenings.push(...describePhase(id, was, now.phase, because))
  if (now.isEjected && known?.isEjected !== true)
    happenings.push(tell(id, 'ejected', 'were left out', because))
  if (known?.isEjected === true && !now.isEjected && now.phase === 'here')
    happenings.push(tell(id, 'readmitted', 'were taken in again'))
  if (now.isMismatch && known?.isMismatch !== true)
    happenings.push(tell(id, 'mismatch', 'are not what the list expects', because))
  const [old, build] = [known?.build ?? null, now.build]
  if (old && build && JSON.stringify(old) !== JSON.stringify(build))
    happenings.push(tell(id, 'deployed', 'run something new', describeBuild(old, build), old, build))
  return happenings
}

function describePhase(id: string, was: Phase, now: Phase, because: string): Happening[] {
  if (now === 'stalled') return [tell(id, 'stalled', 'fell silent', because)]
  if (now === 'lost') return [tell(id, 'lost', 'were lost', because)]
  if (now === 'here')
    return [was === 'new' ? tell(id, 'joined', 'joined') : tell(id, 'returned', 'came back')]
  return []
}

const SENTENCES: Readonly<Record<string, (id: string, more: string) => string>> = {
  joined: (id) => `"${id}" joined.`,
  returned: (id) => `"${id}" came back.`,
  left: (id) => `"${id}" left the list.`,
  stalled: (id, more) => `"${id}" fell silent${more}.`,
  lost: (id, more) => `"${id}" was lost${more}.`,
  ejected: (id, more) => `"${id}" was left out${more}.`,
  readmitted: (id) => `"${id}" was taken in again.`,
  mismatch: (id, more) => `"${id}" is not what the list expects${more}.`,
  deployed: (id, more) => `"${id}" runs something new: ${more}.`,
}

function tell(
  id: string,
  verb: string,
  words: string,
  more = '',
  before?: unknown,
  after?: unknown,
): Happening {
  const summary = (SENTENCES[verb] ?? SENTENCES.joined)?.(id, more) ?? ''
  const note = { action: `worker.${verb}`, target: { kind: 'worker', id } as const, summary, before, after }
  return { worker: id, words, note }
}

function describeBuild(old: Build, now: Build): string {
  const [had, has] = [new Set(old.functions), new Set(now.functions)]
  const [added, gone] = [has.difference(had).size, had.difference(has).size]
  return [
    old.version !== now.version && `version ${old.version ?? '?'} → ${now.version ?? '?'}`,
    old.contract !== now.contract && `contract ${old.contract ?? '?'} → ${now.contract ?? '?'}`,
    added > 0 && `${added} functions more`,
    gone > 0 && `${gone} functions less`,
  ]
    .filter((part) => part !== false)
    .join(', ')
}
