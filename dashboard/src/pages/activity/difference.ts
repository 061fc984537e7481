/**
 * What differs between two JSON values, a line a member: what an operator's action changed. Pure. Bounded: of what
 * differs in more than `MAX_CHANGES` places the rest is counted.
 */
export interface Change {
  /** Such as `paused.until`; empty for the whole value. */
  readonly path: string
  /** Undefined where there was nothing. */
  readonly before: unknown
  readonly after: unknown
}

export interface Difference {
  readonly changes: readonly Change[]
  /** Places that are not shown. */
  readonly more: number
}

const MAX_CHANGES = 200
const MAX_DEPTH = 6

export function differenceOf(before: unknown, after: unknown): Difference {
  const all = collect(nothing(before), nothing(after), '', 0)
  return { changes: all.slice(0, MAX_CHANGES), more: Math.max(0, all.length - MAX_CHANGES) }
}

/** Null is "there was nothing" at the top; deeper it is a value. */
function nothing(value: unknown): unknown {
  return value === null ? undefined : value
}

function collect(before: unknown, after: unknown, path: string, depth: number): Change[] {
  if (isSame(before, after)) return []
  const [was, is] = [membersOf(before), membersOf(after)]
  const hasMembers = depth < MAX_DEPTH && (was !== null || is !== null)
  const isPlain = (value: unknown, members: object | null) => members === null && value !== undefined
  if (!hasMembers || isPlain(before, was) || isPlain(after, is)) return [{ path, before, after }]
  const names = new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})])
  if (names.size === 0) return [{ path, before, after }]
  return [...names].flatMap((name) =>
    collect(ownOf(was, name), ownOf(is, name), path === '' ? name : `${path}.${name}`, depth + 1),
  )
}

/** Lists are one value: what moved in them is read better whole. */
function membersOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

function ownOf(members: Record<string, unknown> | null, name: string): unknown {
  return members && Object.hasOwn(members, name) ? members[name] : undefined
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
