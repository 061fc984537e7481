/**
 * What the list of tasks is narrowed to: the members of its address, the qualifiers of its query bar, and the query of
 * GET /runs that they make. Pure.
 */
import { RUN_STATUSES, type RunStatus } from '@berth/protocol'
import { z } from 'zod'
import type { Qualifier, QualifierValue } from '../../kit/query-words.ts'
import { text } from '../../text/text.ts'

const member = z.string().default('')

export const taskQuerySchema = z.object({
  status: member,
  function: member,
  group: member,
  worker: member,
  session: member,
  schedule: member,
  parent: member,
  error: member,
  q: member,
  /** The bulk operation that is under way. */
  bulk: member,
})

export type TaskQuery = z.output<typeof taskQuerySchema>

/** Members that narrow the list, but for the time. */
export const FILTER_MEMBERS = [
  'status',
  'function',
  'group',
  'worker',
  'session',
  'schedule',
  'parent',
  'error',
  'q',
] as const

export type TaskFilter = Readonly<Partial<Record<(typeof FILTER_MEMBERS)[number] | 'from' | 'to', string>>>

/** What is set of the query. */
export function filterOf(query: TaskQuery): TaskFilter {
  const set = FILTER_MEMBERS.filter((name) => query[name] !== '').map((name) => [name, query[name]])
  return Object.fromEntries(set)
}

/** As `/runs` takes it; empty for everything. */
export function searchOf(filter: TaskFilter): string {
  return new URLSearchParams(Object.entries(filter)).toString()
}

export interface Names {
  readonly functions: readonly { readonly name: string; readonly group: string }[]
  readonly groups: readonly string[]
  readonly workers: readonly string[]
}

/** Codes of errors that a run can end with. */
const ERROR_CODES = [
  'FUNCTION_FAILED',
  'WORKER_LOST',
  'TIMEOUT',
  'CANCELLED',
  'POISONED',
  'INVALID_INPUT',
  'RESULT_TOO_LARGE',
  'RESULT_UNSERIALISABLE',
  'BUDGET_EXHAUSTED',
  'NO_CAPACITY',
]

export function qualifiersOf({ functions, groups, workers }: Names): readonly Qualifier[] {
  const groupsOf = Map.groupBy(functions, ({ name }) => name)
  const names = [...groupsOf].map(([word, own]) => ({
    word,
    detail: own.map(({ group }) => group).join(', '),
  }))
  const plain = (words: readonly string[]): QualifierValue[] => words.map((word) => ({ word }))
  return [
    { name: 'fn', member: 'function', values: names },
    { name: 'group', member: 'group', values: plain(groups) },
    { name: 'state', member: 'status', values: stateValues(), isClosed: true, isList: true },
    { name: 'worker', member: 'worker', values: plain(workers) },
    { name: 'error', member: 'error', values: plain(ERROR_CODES) },
    { name: 'session', member: 'session' },
    { name: 'schedule', member: 'schedule' },
    { name: 'caller', member: 'parent' },
  ]
}

/** `waiting` is what the page calls `queued`; both are understood. */
function stateValues(): QualifierValue[] {
  return RUN_STATUSES.map((status) => ({
    word: status === 'queued' ? 'waiting' : status,
    value: status,
    detail: text.runStates[status],
  }))
}

/** What people try and no index has. */
export function isUnsearchable(name: string): boolean {
  return /^(input|result|tag|tags|meta|contract|priority|trigger|mode|wait|run|duration)(\.|$)/.test(name)
}

export function statusesOf({ status }: Pick<TaskQuery, 'status'>): readonly RunStatus[] {
  return status.split(',').filter((word): word is RunStatus => RUN_STATUSES.some((one) => one === word))
}

/** As somebody would type it. */
export function typedQuery(query: TaskQuery, qualifiers: readonly Qualifier[]): string {
  const words = qualifiers.flatMap(({ name, member }) => {
    const value = query[member as keyof TaskQuery]
    return value === '' ? [] : [`${name}:${value}`]
  })
  return [...words, query.q].filter((word) => word !== '').join(' ')
}
