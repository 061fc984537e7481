/**
 * What somebody types into a query bar: qualifiers such as `fn:resize` and plain words. Pure; used by query-bar.tsx.
 * Invariant: nothing that was typed is passed over; what cannot be asked for is told.
 */

export interface Qualifier {
  /** As it is typed, without the colon: `fn`. */
  readonly name: string
  /** What it sets: `function`. */
  readonly member: string
  /** What it may be, as far as that is known. */
  readonly values?: readonly QualifierValue[]
  /** A value that is not among `values` is refused. */
  readonly isClosed?: boolean
  /** Takes several, separated by commas. */
  readonly isList?: boolean
}

export interface QualifierValue {
  /** What is typed and shown. */
  readonly word: string
  /** What it stands for, when that differs. */
  readonly value?: string
  readonly detail?: string
}

export interface QueryWords {
  readonly members: Readonly<Record<string, string>>
  readonly words: string
  /** Qualifiers that cannot be asked for: `input.path`, `wait>`. */
  readonly unsearchable: readonly string[]
  /** Qualifiers and values that nobody knows. */
  readonly unknown: readonly string[]
}

const TOKEN = /"([^"]*)"|([^\s":]+):"([^"]*)"|(\S+)/g
const QUALIFIED = /^([\p{L}][\p{L}\p{N}_.-]*)(:|[<>]=?)(.*)$/u

/** `isUnsearchable` knows qualifiers that people try and that no index has. */
export function parseQuery(
  typed: string,
  qualifiers: readonly Qualifier[],
  isUnsearchable: (name: string) => boolean = () => false,
): QueryWords {
  const members: Record<string, string> = {}
  const words: string[] = []
  const unsearchable: string[] = []
  const unknown: string[] = []
  for (const token of tokensOf(typed)) {
    const parts = token.isQuoted ? null : QUALIFIED.exec(token.text)
    const [, name = '', sign = '', value = ''] = parts ?? []
    const qualifier = sign === ':' ? qualifiers.find((one) => one.name === name.toLowerCase()) : undefined
    if (!parts || (sign === ':' && !qualifier && looksLikeText(name, value, isUnsearchable)))
      words.push(token.text)
    else if (qualifier) {
      const read = readValue(qualifier, token.value ?? value)
      if (read === null) unknown.push(token.text)
      else if (read !== '') members[qualifier.member] = read
    } else (isUnsearchable(name.toLowerCase()) ? unsearchable : unknown).push(`${name}${sign}`)
  }
  return { members, words: words.join(' '), unsearchable, unknown }
}

interface Token {
  readonly text: string
  readonly isQuoted: boolean
  readonly value?: string
}

function* tokensOf(typed: string): Iterable<Token> {
  for (const [, quoted, name, value, plain] of typed.matchAll(TOKEN)) {
    if (quoted !== undefined) yield { text: quoted, isQuoted: true }
    else if (name !== undefined && value !== undefined)
      yield { text: `${name}:${value}`, isQuoted: false, value }
    else if (plain !== undefined) yield { text: plain, isQuoted: false }
  }
}

/** `https://…`, `12:30`: a colon alone makes no qualifier. */
function looksLikeText(name: string, value: string, isUnsearchable: (name: string) => boolean): boolean {
  return value.startsWith('/') || (/\d/.test(name) && !isUnsearchable(name.toLowerCase()))
}

/** Null for a value that there is not. */
function readValue({ values = [], isClosed, isList }: Qualifier, typed: string): string | null {
  const read = (isList ? typed.split(',') : [typed])
    .filter((one) => one !== '')
    .map((one) => {
      const known = values.find(({ word }) => word.toLowerCase() === one.toLowerCase())
      const byValue = values.find(({ value }) => value === one)
      if (known ?? byValue) return known?.value ?? known?.word ?? byValue?.value ?? one
      return isClosed ? null : one
    })
  return read.includes(null) ? null : read.join(',')
}

export interface Completion {
  /** What stands in the bar when it is chosen. */
  readonly text: string
  readonly label: string
  readonly detail?: string
  /** Chosen, it is taken at once; else typing goes on. */
  readonly isWhole: boolean
}

const MAX_COMPLETIONS = 12

/** What the last word of `typed` may become. */
export function completionsOf(
  typed: string,
  qualifiers: readonly Qualifier[],
  detailOf: (qualifier: Qualifier) => string,
): readonly Completion[] {
  const cut = typed.search(/\S*$/)
  const before = typed.slice(0, cut)
  const last = typed.slice(cut)
  const colon = last.indexOf(':')
  if (colon >= 0) {
    const qualifier = qualifiers.find(({ name }) => name === last.slice(0, colon).toLowerCase())
    return qualifier ? valuesOf(qualifier, last.slice(colon + 1), before).slice(0, MAX_COMPLETIONS) : []
  }
  const names = qualifiers
    .filter(({ name }) => name.startsWith(last.toLowerCase()))
    .map((one) => ({
      text: `${before}${one.name}:`,
      label: `${one.name}:`,
      detail: detailOf(one),
      isWhole: false,
    }))
  const values = last.length < 2 ? [] : qualifiers.flatMap((one) => valuesOf(one, last, before))
  return [...values, ...names].slice(0, MAX_COMPLETIONS)
}

function valuesOf(qualifier: Qualifier, part: string, before: string): Completion[] {
  const sought = part.split(',').at(-1)?.toLowerCase() ?? ''
  const kept = qualifier.isList && part.includes(',') ? part.slice(0, part.lastIndexOf(',') + 1) : ''
  return (qualifier.values ?? [])
    .filter(({ word }) => word.toLowerCase().includes(sought))
    .map(({ word, detail }) => {
      const value = /[\s"]/.test(word) ? `"${word}"` : word
      const label = `${qualifier.name}:${kept}${value}`
      return { text: `${before}${label}`, label, detail, isWhole: true }
    })
}
