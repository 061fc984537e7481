/**
 * The query of `POST /task/{group}/{function}`: the fields of a task body as text, read the same way by
 * balancer and worker. Strict in form only; what a field may hold, and which there are, is for the schema
 * of the body to judge.
 */

/** What the path names. */
export interface TaskTarget {
  readonly group: string
  readonly function: string
}

export type QueryFields =
  | { readonly ok: true; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly detail: string }

const NUMBERS: ReadonlySet<string> = new Set(['contract', 'priority', 'timeout', 'attempts', 'delay'])
const FLAGS: ReadonlySet<string> = new Set(['async', 'idempotent'])
const OBJECTS: ReadonlySet<string> = new Set(['input', 'webhook', 'metadata'])

/** A task body of the path and the query; `parseJson` answers undefined for a text that is none. */
export function readTaskQuery(
  { group, function: name }: TaskTarget,
  query: Iterable<readonly [string, string]>,
  parseJson: (text: string) => unknown,
): QueryFields {
  const fields = new Map<string, unknown>([
    ['function', name],
    ['group', group],
  ])
  for (const [field, text] of query) {
    if (fields.has(field)) return { ok: false, detail: `"${field.slice(0, 64)}" comes twice` }
    const value = readField(field, text, parseJson)
    if (value === undefined) return { ok: false, detail: `"${field.slice(0, 64)}" ${formOf(field)}` }
    fields.set(field, value)
  }
  return { ok: true, fields: Object.fromEntries(fields) }
}

/** A field as the body would have it; what is none of these stays text for the schema to judge. */
function readField(name: string, text: string, parseJson: (text: string) => unknown): unknown {
  if (NUMBERS.has(name)) return /^-?\d{1,20}(?:\.\d{1,20})?$/.test(text) ? Number(text) : text
  if (FLAGS.has(name)) return text === 'true' ? true : text === 'false' ? false : text
  if (name === 'tags') return readTags(text)
  if (name === 'webhook' && !text.startsWith('{')) return { url: text }
  return OBJECTS.has(name) ? parseJson(text) : text
}

/** What a text that nobody can read should have been. */
function formOf(name: string): string {
  return name === 'tags' ? 'must be tags=key:value, more of them behind commas' : 'must be JSON'
}

/** `gpu:h200,region:eu` */
function readTags(text: string): Record<string, string> | undefined {
  const pairs = text.split(',').map((pair) => /^([^:]+):(.*)$/.exec(pair))
  if (pairs.some((pair) => pair === null)) return undefined
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))
}
