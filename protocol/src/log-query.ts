/**
 * Which log lines a page of the dashboard follows, as the word that it sends on the feed: `logs` (the
 * balancer's own), `logs:<worker id>`, or `logs?source=&worker=&group=&tag=&level=&text=&regex=&task=`.
 * The page writes the word, the balancer reads it; both by this file.
 * Invariant: a word that is written here is read as the query it was written from.
 */
import { LIMITS } from './limits.ts'
import type { LogLevel } from './messages/worker.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]
export const LOG_SOURCES = ['*', 'balancer', 'workers'] as const

export interface LogQuery {
  /** `*`: the balancer and all workers. Anything that narrows workers leaves the balancer's lines out. */
  readonly source: (typeof LOG_SOURCES)[number]
  /** Ids; with some, only these workers. */
  readonly workers: readonly string[]
  readonly group?: string
  /** `key=value`, or a key alone for any value; all must hold. */
  readonly tags: readonly string[]
  /** This level and those above it. */
  readonly level: LogLevel
  /** Part of the text, the source or a field, whatever its case. */
  readonly text?: string
  /** RE2 syntax, searched for in the same; told from upper case unless it begins with `(?i)`. */
  readonly regex?: string
  /** The id of a run. */
  readonly task?: string
}

export type ReadLogWord =
  | { readonly ok: true; readonly query: LogQuery }
  | { readonly ok: false; readonly why: string }

export const everyLogLine: LogQuery = { source: '*', workers: [], tags: [], level: 'debug' }

/** A query while it is read. */
type Draft = { -readonly [Name in keyof LogQuery]: LogQuery[Name] } & { workers: string[]; tags: string[] }

const LISTS = { worker: 'workers', tag: 'tags' } as const
const TEXTS = { group: 128, text: 256, regex: LIMITS.logRegexText, task: 64 } as const
const MOST_OF_A_LIST = 16
const ITEM_TEXT = 256

/** True for every word that asks for log lines, sound or not. */
export function isLogWord(word: string): boolean {
  return word === 'logs' || word.startsWith('logs:') || word.startsWith('logs?')
}

export function readLogWord(word: string): ReadLogWord {
  if (word === 'logs') return { ok: true, query: { ...everyLogLine, source: 'balancer' } }
  if (word.startsWith('logs:'))
    return { ok: true, query: { ...everyLogLine, source: 'workers', workers: [word.slice('logs:'.length)] } }
  const query: Draft = { ...everyLogLine, workers: [], tags: [] }
  for (const [name, value] of new URLSearchParams(word.slice('logs?'.length))) {
    const why = value === '' ? undefined : take(query, name, value)
    if (why !== undefined) return { ok: false, why }
  }
  return { ok: true, query }
}

/** Says what is wrong with one parameter. */
function take(query: Draft, name: string, value: string): string | undefined {
  if (name === 'source') {
    const source = LOG_SOURCES.find((known) => known === value)
    if (source === undefined) return `"${name}" is one of ${LOG_SOURCES.join(', ')}`
    query.source = source
    return undefined
  }
  if (name === 'level') {
    const level = LOG_LEVELS.find((known) => known === value)
    if (level === undefined) return `"${name}" is one of ${LOG_LEVELS.join(', ')}`
    query.level = level
    return undefined
  }
  if (isOneOf(LISTS, name)) {
    const list = query[LISTS[name]]
    if (list.length >= MOST_OF_A_LIST) return `"${name}" comes at most ${MOST_OF_A_LIST} times`
    if (value.length > ITEM_TEXT) return `"${name}" has at most ${ITEM_TEXT} characters`
    list.push(value)
    return undefined
  }
  if (!isOneOf(TEXTS, name)) return `"${name}" is no filter of log lines`
  const longest = TEXTS[name]
  if (value.length > longest) return `"${name}" has at most ${longest} characters`
  query[name] = value
  return undefined
}

function isOneOf<Names extends object>(names: Names, name: PropertyKey): name is keyof Names {
  return Object.hasOwn(names, name)
}

/** The shortest word for a query; equal queries have equal words. */
export function writeLogWord({ source, workers, tags, level, ...texts }: LogQuery): string {
  const isPlain = tags.length === 0 && level === 'debug' && Object.values(texts).every((value) => !value)
  if (isPlain && source === 'balancer' && workers.length === 0) return 'logs'
  if (isPlain && source === 'workers' && workers.length === 1) return `logs:${workers[0]}`
  const parameters = new URLSearchParams()
  if (source !== '*') parameters.set('source', source)
  for (const worker of [...workers].sort()) parameters.append('worker', worker)
  for (const tag of [...tags].sort()) parameters.append('tag', tag)
  if (level !== 'debug') parameters.set('level', level)
  for (const name of ['group', 'text', 'regex', 'task'] as const)
    if (texts[name]) parameters.set(name, texts[name])
  return `logs?${parameters}`
}
