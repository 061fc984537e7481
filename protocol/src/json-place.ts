/**
 * Where in a JSON text something stands. `JSON.parse` names no place for half of its errors and repeats
 * pieces of the text, which may be secret; this says line and column in words of our own. Used by the
 * readers of hand-written files, only after something was found wrong.
 * Invariant: no recursion and no repetition of the text, so hostile input costs one pass.
 */
export interface JsonFault {
  /** UTF-16 units from the beginning. */
  readonly offset: number
  readonly message: string
}

export interface Place {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
}

/** Line and column of an offset; lines end with a line feed. */
export function placeOf(text: string, offset: number): Place {
  let line = 1
  let lineStart = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++
    lineStart = at + 1
  }
  return { line, column: offset - lineStart + 1 }
}

type Wanted = 'value' | 'first element' | 'key' | 'first key' | 'colon' | 'separator' | 'nothing'

const WORDS: Readonly<Record<Wanted, string>> = {
  value: 'a value is expected',
  'first element': 'a value or "]" is expected',
  key: 'a name in double quotes is expected',
  'first key': 'a name in double quotes or "}" is expected',
  colon: '":" is expected',
  separator: '"," or the closing bracket is expected',
  nothing: 'the text goes on after its end',
}

/** The first fault of a text as JSON, undefined when there is none. */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: string[] = []
  let wanted: Wanted = 'value'
  let at = skipBlanks(text, 0)
  for (; at < text.length; at = skipBlanks(text, at)) {
    const step = takeToken(text, at, wanted, open)
    if ('message' in step) return step
    wanted = step.wanted
    at = step.next
  }
  return wanted === 'nothing' ? undefined : { offset: at, message: `the text ends where ${WORDS[wanted]}` }
}

type Step = { readonly wanted: Wanted; readonly next: number } | JsonFault

/** Reads one token; `open` holds the brackets that are not closed yet. */
function takeToken(text: string, at: number, wanted: Wanted, open: string[]): Step {
  const sign = text.charAt(at)
  const fault = { offset: at, message: WORDS[wanted] }
  if (isClosing(sign, wanted, open)) {
    open.pop()
    return { wanted: afterValue(open), next: at + 1 }
  }
  switch (wanted) {
    case 'nothing':
      return fault
    case 'colon':
      return sign === ':' ? { wanted: 'value', next: at + 1 } : fault
    case 'separator':
      return sign === ',' ? { wanted: open.at(-1) === '{' ? 'key' : 'value', next: at + 1 } : fault
    case 'key':
    case 'first key':
      return sign === '"' ? takeString(text, at, 'colon') : fault
    default:
      return takeValue(text, at, open) ?? fault
  }
}

function isClosing(sign: string, wanted: Wanted, open: readonly string[]): boolean {
  const inside = open.at(-1)
  if (sign === ']') return inside === '[' && (wanted === 'separator' || wanted === 'first element')
  return sign === '}' && inside === '{' && (wanted === 'separator' || wanted === 'first key')
}

function afterValue(open: readonly string[]): Wanted {
  return open.length === 0 ? 'nothing' : 'separator'
}

const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y

function takeValue(text: string, at: number, open: string[]): Step | undefined {
  const sign = text.charAt(at)
  if (sign === '[' || sign === '{') {
    open.push(sign)
    return { wanted: sign === '[' ? 'first element' : 'first key', next: at + 1 }
  }
  if (sign === '"') return takeString(text, at, afterValue(open))
  SCALAR.lastIndex = at
  return SCALAR.test(text) ? { wanted: afterValue(open), next: SCALAR.lastIndex } : undefined
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

function takeString(text: string, from: number, wanted: Wanted): Step {
  let at = from + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x22) return { wanted, next: at + 1 }
    if (code < 0x20) return { offset: at, message: 'a text in quotes is not closed on its line' }
    if (code === 0x5c) {
      ESCAPE.lastIndex = at
      if (!ESCAPE.test(text)) return { offset: at, message: 'a backslash with no meaning in JSON' }
      at = ESCAPE.lastIndex
    } else at++
  }
  return { offset: text.length, message: 'the text ends within quotes' }
}

/**
 * Where the value at `path` begins in a text that is valid JSON. Of a name that stands twice the last one
 * counts, as for `JSON.parse`. A path that leads nowhere gives the last place that exists. `from` is where
 * the value begins that the path starts at.
 */
export function findJsonOffset(text: string, path: readonly PropertyKey[], from = 0): number {
  let at = skipBlanks(text, from)
  for (const step of path) {
    const next = text.charAt(at) === '[' ? findElement(text, at, Number(step)) : findMember(text, at, step)
    if (next === undefined) return at
    at = next
  }
  return at
}

/** The end of the value that begins at `from`, in valid JSON; the next sign after its last one. */
export function findJsonEnd(text: string, from: number): number {
  return skipValue(text, from)
}

/** The members of the object that begins at `from`, in valid JSON: names as they are meant, places of the values. */
export function* listJsonMembers(
  text: string,
  from: number,
): Generator<{ name: string; at: number; end: number }> {
  if (text.charAt(from) !== '{') return
  let at = skipBlanks(text, from + 1)
  while (text.charAt(at) === '"') {
    const keyEnd = skipValue(text, at)
    const name: string = JSON.parse(text.slice(at, keyEnd))
    const value = skipBlanks(text, skipBlanks(text, keyEnd) + 1)
    const end = skipValue(text, value)
    yield { name, at: value, end }
    at = skipBlanks(text, skipBlanks(text, end) + 1)
  }
}

/** Where each element of the array begins that is the whole text, in one pass. */
export function* listJsonElements(text: string): Generator<number> {
  let at = skipBlanks(text, skipBlanks(text, 0) + 1)
  while (at < text.length && text.charAt(at) !== ']') {
    yield at
    at = skipBlanks(text, skipValue(text, at))
    if (text.charAt(at) === ',') at = skipBlanks(text, at + 1)
  }
}

function findElement(text: string, from: number, index: number): number | undefined {
  let at = skipBlanks(text, from + 1)
  for (let element = 0; element < index; element++) {
    at = skipBlanks(text, skipValue(text, at))
    if (text.charAt(at) !== ',') return undefined
    at = skipBlanks(text, at + 1)
  }
  return at
}

function findMember(text: string, from: number, name: PropertyKey): number | undefined {
  let found: number | undefined
  for (const member of listJsonMembers(text, from)) if (member.name === name) found = member.at
  return found
}

/** The end of the value that begins here, in valid JSON. */
function skipValue(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const sign = text.charAt(at)
    if (sign === '"') {
      at = endOfString(text, at)
      if (depth === 0) return at + 1
    } else if (sign === '{' || sign === '[') depth++
    else if (sign === '}' || sign === ']') {
      if (--depth < 0) return at
      if (depth === 0) return at + 1
    } else if (depth === 0 && (sign === ',' || isBlank(text, at))) return at
  }
  return text.length
}

function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1
  return at
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (isBlank(text, at)) at++
  return at
}

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}
