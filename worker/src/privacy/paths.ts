/**
 * The `redact` paths of a function: `password`, `user.token`, `cards.*.number`. Compiled once by `registry.ts`;
 * they hold for its input and its result alike. A list needs no step of its own: the path goes into each element.
 * Invariant: what a path leads to is replaced by `***` whole, whatever it is; nothing is changed in place.
 */

/** Shorter texts are no secrets, and replacing them would tear every line apart. */
const TEXT_LEAST = 4
const TEXTS_MOST = 1_000
const DEPTH_MOST = 100
const PATH = /^[^.]+(?:\.[^.]+)*$/

export const MASK = '***'

interface Step {
  isEnd: boolean
  readonly next: Map<string, Step>
}

export class RedactPaths {
  readonly #root: Step = { isEnd: false, next: new Map() }
  readonly isEmpty: boolean

  /** Throws with a sentence on a path that leads nowhere. */
  constructor(paths: readonly string[]) {
    this.isEmpty = paths.length === 0
    for (const path of paths) {
      if (!PATH.test(path))
        throw new Error(
          `has an unusable redact path ${JSON.stringify(path)}; write "name", "a.b" or "list.*.b"`,
        )
      let step = this.#root
      for (const name of path.split('.')) {
        const found: Step = step.next.get(name) ?? { isEnd: false, next: new Map() }
        step.next.set(name, found)
        step = found
      }
      step.isEnd = true
    }
  }

  /** A copy with the mask in every place that a path leads to; the value itself when there is no path. */
  mask(value: unknown): unknown {
    return this.isEmpty ? value : maskAt(value, [this.#root], 0)
  }

  /** The texts and numbers at the paths, so that they can be found elsewhere. */
  textsIn(value: unknown): string[] {
    const found = new Set<string>()
    if (!this.isEmpty) collectAt(value, [this.#root], found, 0)
    return [...found]
  }
}

/** The steps that a name leads to from any of these. */
function follow(steps: readonly Step[], name: string): Step[] {
  return steps.flatMap((step) =>
    [step.next.get(name), step.next.get('*')].filter((next) => next !== undefined),
  )
}

function maskAt(value: unknown, steps: readonly Step[], depth: number): unknown {
  if (steps.some(({ isEnd }) => isEnd)) return MASK
  if (steps.length === 0 || depth > DEPTH_MOST || !isContainer(value)) return value
  const inner = (name: string, item: unknown) => {
    const next = follow(steps, name)
    return next.length === 0 ? item : maskAt(item, next, depth + 1)
  }
  if (!Array.isArray(value))
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inner(name, item)]))
  return value.map((item, index) => {
    const masked = inner(String(index), item)
    return masked === item ? maskAt(item, steps, depth + 1) : masked
  })
}

function collectAt(value: unknown, steps: readonly Step[], found: Set<string>, depth: number): void {
  if (steps.length === 0 || depth > DEPTH_MOST) return
  if (steps.some(({ isEnd }) => isEnd)) return collectAll(value, found, depth)
  if (!isContainer(value)) return
  for (const [name, item] of Object.entries(value)) {
    collectAt(item, follow(steps, name), found, depth + 1)
    if (Array.isArray(value)) collectAt(item, steps, found, depth + 1)
  }
}

function collectAll(value: unknown, found: Set<string>, depth: number): void {
  if (found.size >= TEXTS_MOST || depth > DEPTH_MOST) return
  if (isContainer(value)) for (const item of Object.values(value)) collectAll(item, found, depth + 1)
  else if (typeof value === 'string' || typeof value === 'number') addText(String(value), found)
}

function addText(text: string, found: Set<string>): void {
  if (text.length < TEXT_LEAST) return
  found.add(text)
  const escaped = JSON.stringify(text).slice(1, -1)
  if (escaped !== text) found.add(escaped)
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}
