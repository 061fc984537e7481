/**
 * Where in a text of JSON something is wrong: the place that cannot be read, or the value that a pointer names. Pure;
 * used by json-editor.tsx, and loaded with it.
 */
import { jsonLanguage } from '@codemirror/lang-json'
import type { CodeFault } from './code-editor.tsx'

type Tree = ReturnType<typeof jsonLanguage.parser.parse>
type Node = Tree['topNode']

export interface JsonFaultsInput {
  readonly text: string
  /** Words by pointer into the value, as far as it can be read. */
  readonly faults: ReadonlyMap<string, readonly string[]>
  /** What to say of a text that is no JSON object; null for one that is. */
  readonly unreadable: string | null
}

export function jsonFaults({ text, faults, unreadable }: JsonFaultsInput): CodeFault[] {
  const tree = jsonLanguage.parser.parse(text)
  if (unreadable !== null) return [{ ...firstBroken(tree, text), message: unreadable }]
  return [...faults].flatMap(([pointer, words]) => {
    const place = placeOf(tree, text, pointer)
    return words.map((message) => ({ ...place, message }))
  })
}

/** From the first place that the grammar does not know; all of a text that is another value. */
function firstBroken(tree: Tree, text: string): Pick<CodeFault, 'from' | 'to'> {
  let broken: { from: number; to: number } | undefined
  tree.iterate({
    enter({ type, from, to }) {
      if (type.isError) broken ??= { from, to: Math.max(to, Math.min(from + 1, text.length)) }
    },
  })
  return broken ?? { from: 0, to: text.length }
}

/** Of what is not there the place where it would be: the beginning of what would hold it. */
function placeOf(tree: Tree, text: string, pointer: string): Pick<CodeFault, 'from' | 'to'> {
  let node = tree.topNode.firstChild
  const tokens = pointer.split('/').slice(1)
  for (const token of tokens) {
    const next = node && memberOf(node, text, token.replaceAll('~1', '/').replaceAll('~0', '~'))
    if (!next) return node ? { from: node.from, to: node.from + 1 } : { from: 0, to: 0 }
    node = next
  }
  if (!node) return { from: 0, to: 0 }
  const isLong = node.name === 'Object' || node.name === 'Array'
  return { from: node.from, to: isLong ? node.from + 1 : node.to }
}

/** The last of its name, as a reader of JSON has it. */
function memberOf(node: Node, text: string, name: string): Node | null {
  if (node.name === 'Array') return elementsOf(node)[Number(name)] ?? null
  const named = node.getChildren('Property').findLast((property) => {
    const own = property.getChild('PropertyName')
    return own !== null && nameOf(text.slice(own.from, own.to)) === name
  })
  return named?.lastChild ?? null
}

function nameOf(quoted: string): unknown {
  try {
    return JSON.parse(quoted)
  } catch {
    return undefined
  }
}

function elementsOf(list: Node): Node[] {
  const elements: Node[] = []
  for (let child = list.firstChild; child; child = child.nextSibling)
    if (!['[', ']', ','].includes(child.name) && !child.type.isError) elements.push(child)
  return elements
}
