/**
 * Whether matching a regular expression takes time in proportion to the text, plainly. Asked by `parameters.ts` once
 * a function when it is loaded.
 * Invariant: "yes" is always right; "no" only means that nobody has shown it, and costs a time limit at each check.
 */
import { z } from 'zod'

/** Ways in which the bounded parts may match; each is tried at most once at a place. */
const WAYS_LIMIT = 4_096

/**
 * Yes for what has no repeated group, no look-around and no reference back, and at most one unbounded repetition,
 * which then needs `^` before it: without it every place of the text is a new beginning.
 */
export function isPlainlyLinear(source: string): boolean {
  if (/\\[1-9k]|\(\?(?!:)/.test(source)) return false
  const parts = partsOf(source)
  if (!parts) return false
  const isAnchored = parts[0]?.text === '^' && !parts.some(({ text, depth }) => text === '|' && depth === 0)
  const unbounded = parts.filter(({ most }) => most === Number.POSITIVE_INFINITY).length
  if (unbounded > (isAnchored ? 1 : 0)) return false
  let ways = 1
  for (const { text, least, most } of parts) {
    if (text === ')' && most !== 1) return false
    if (most !== Number.POSITIVE_INFINITY) ways *= most - least + 1
    if (text === '|') ways *= 2
  }
  return ways <= WAYS_LIMIT
}

interface Part {
  readonly text: string
  /** Groups around it. */
  readonly depth: number
  readonly least: number
  readonly most: number
}

const ATOM =
  /\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)|\[(?:\\.|[^\]\\])*\]|\((?:\?:)?|[\s\S]/uy
const QUANTIFIER = /(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/y

/** Undefined when it is not understood. */
function partsOf(source: string): Part[] | undefined {
  const parts: Part[] = []
  let depth = 0
  let at = 0
  while (at < source.length) {
    ATOM.lastIndex = at
    const [text] = ATOM.exec(source) ?? []
    if (text === undefined || text === '[') return undefined
    at += text.length
    if (text === ')') depth--
    QUANTIFIER.lastIndex = at
    const quantifier = QUANTIFIER.exec(source)
    if (quantifier) at += quantifier[0].length
    parts.push({ text, depth, ...boundsOf(quantifier) })
    if (text.startsWith('(')) depth++
  }
  return depth === 0 ? parts : undefined
}

function boundsOf(quantifier: RegExpExecArray | null): { least: number; most: number } {
  if (!quantifier) return { least: 1, most: 1 }
  const [, sign, least = '0', comma, most] = quantifier
  if (sign === '?') return { least: 0, most: 1 }
  if (sign !== undefined) return { least: sign === '+' ? 1 : 0, most: Number.POSITIVE_INFINITY }
  if (comma === '') return { least: Number(least), most: Number(least) }
  return { least: Number(least), most: most === '' ? Number.POSITIVE_INFINITY : Number(most) }
}

/** Whether a JSON Schema holds a pattern that is neither plainly linear nor one of zod's own. */
export function hasRiskyPattern(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false
  if (Array.isArray(schema)) return schema.some(hasRiskyPattern)
  return Object.entries(schema).some(([key, value]) => {
    if (key === 'pattern' && typeof value === 'string') return isRisky(value)
    if (key === 'patternProperties' && Object.keys(value ?? {}).some(isRisky)) return true
    return hasRiskyPattern(value)
  })
}

function isRisky(source: string): boolean {
  return !isPlainlyLinear(source) && !patternsOfZod().has(source)
}

let ofZod: ReadonlySet<string> | undefined

/** Those of its formats; they are made to be safe, and very common. */
function patternsOfZod(): ReadonlySet<string> {
  ofZod ??= new Set(
    [
      z.email(),
      z.uuid(),
      z.guid(),
      z.nanoid(),
      z.cuid2(),
      z.ulid(),
      z.ipv4(),
      z.ipv6(),
      z.cidrv4(),
      z.cidrv6(),
      z.base64(),
      z.base64url(),
      z.e164(),
      z.iso.date(),
      z.iso.time(),
      z.iso.datetime(),
      z.iso.datetime({ offset: true }),
      z.iso.duration(),
    ].flatMap((schema) => {
      const { pattern } = z.toJSONSchema(schema)
      return pattern === undefined ? [] : [pattern]
    }),
  )
  return ofZod
}
