/**
 * Which lines a page's query means: the filter of lines, and the choice of workers whose lines are asked for.
 * Pure; called by `log-channel.ts`.
 * Invariant: the time a match takes grows with the length of the line alone, whatever a page asks for. The
 * regular expression is RE2's, which never goes back, and of a line only the first 4,096 characters are
 * searched; it is compiled once a query.
 */
import { LOG_LEVELS, type LogEntry, type LogQuery, type WorkerView } from '@berth/protocol'
import { RE2JS } from 're2js'

const SEARCHED_TEXT = 4096

export type IsWanted = (entry: LogEntry, worker: string | undefined) => boolean

export type MadeFilter =
  | { readonly ok: true; readonly isWanted: IsWanted }
  | { readonly ok: false; readonly why: string }

export function makeFilter({ level, text, regex, task }: LogQuery): MadeFilter {
  const least = LOG_LEVELS.indexOf(level)
  const wanted = new Set(LOG_LEVELS.slice(least))
  const needle = text?.toLowerCase()
  let pattern: RE2JS | undefined
  try {
    if (regex !== undefined) pattern = RE2JS.compile(regex, RE2JS.MULTILINE)
  } catch (error) {
    return { ok: false, why: `the regular expression cannot be used: ${messageOf(error, regex)}` }
  }
  return {
    ok: true,
    isWanted(entry, worker) {
      if (!wanted.has(entry.level)) return false
      if (task !== undefined && entry.run !== task) return false
      if (needle === undefined && pattern === undefined) return true
      const searched = searchable(entry, worker)
      if (needle !== undefined && !searched.toLowerCase().includes(needle)) return false
      return pattern === undefined || pattern.test(searched)
    },
  }
}

/**
 * The library's own words begin with what everybody knows, and cite the expression with `(?m)` before it, which
 * stands for `MULTILINE` and which nobody has typed.
 */
function messageOf(error: unknown, regex = ''): string {
  const message = error instanceof Error ? error.message : String(error)
  return message
    .replace(/^error parsing regexp: /, '')
    .replace(`\`(?m)${regex}`, () => `\`${regex}`)
    .slice(0, 200)
}

const texts = new WeakMap<LogEntry, string>()

/** A line each: `^` and `$` mean the beginning and the end of the text, the fields, the source, the worker, the run. */
function searchable(entry: LogEntry, worker: string | undefined): string {
  const known = texts.get(entry)
  if (known !== undefined) return known
  const { text, source, run = '', fields } = entry
  const more = fields === undefined ? '' : JSON.stringify(fields)
  const whole = `${text}\n${more}\n${source}\n${worker ?? ''}\n${run}`.slice(0, SEARCHED_TEXT)
  texts.set(entry, whole)
  return whole
}

/** Whether lines of the balancer itself can be meant. */
export function wantsBalancer({ source, workers, group, tags }: LogQuery): boolean {
  return source !== 'workers' && workers.length === 0 && group === undefined && tags.length === 0
}

/** Whether the lines of some worker are meant that is not named. */
export function wantsAnyWorker({ source, workers }: LogQuery): boolean {
  return source !== 'balancer' && workers.length === 0
}

/** Whether this worker's lines are meant. */
export function wantsWorker(query: LogQuery, worker: WorkerView): boolean {
  if (query.source === 'balancer') return false
  if (query.workers.length > 0 && !query.workers.includes(worker.id)) return false
  if (query.group !== undefined && worker.group !== query.group) return false
  return query.tags.every((tag) => hasTag(worker.tags, tag))
}

function hasTag(tags: WorkerView['tags'], wanted: string): boolean {
  const split = wanted.indexOf('=')
  const key = split < 0 ? wanted : wanted.slice(0, split)
  if (!Object.hasOwn(tags, key)) return false
  if (split < 0) return true
  const value = tags[key]
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  return values.some((one) => String(one) === wanted.slice(split + 1))
}
