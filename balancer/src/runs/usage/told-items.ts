/**
 * Messages and sources of a run, as workers send them and as `/runs` shows them. Pure.
 * `output` is what of the messages is text of the run itself, in the shape that programs for language models read.
 */
import type { RunView } from '@berth/protocol'
import type { ToldItem } from '../../ports/told.ts'

/** As the workers bound them, with room for other makes of them. */
const MESSAGE_CHARACTERS = 128 * 1024
const URL_CHARACTERS = 2_048
const TITLE_CHARACTERS = 1_024
/** What is shown of sources at once. */
const MOST_SOURCES = 1_000

/** A text or an object as JSON; undefined for what is neither. */
export function readMessage(message: unknown): string | undefined {
  if (typeof message !== 'string' && !isObject(message)) return undefined
  const data = JSON.stringify(message)
  return data.length > MESSAGE_CHARACTERS ? undefined : data
}

/** With its URL; undefined for what is none. */
export function readSource(source: unknown): { readonly url: string; readonly data: string } | undefined {
  if (!isObject(source)) return undefined
  const { url, title } = source
  if (typeof url !== 'string' || url.length > URL_CHARACTERS || !/^https?:\/\//i.test(url)) return undefined
  const named = typeof title === 'string' ? { title: title.slice(0, TITLE_CHARACTERS) } : {}
  return { url, data: JSON.stringify({ url, ...named }) }
}

export type ShownOutput = Pick<RunView, 'messages' | 'sources' | 'output' | 'messagesDropped'>

/** In order; `said` counts the messages that are not kept any more as well. */
export function showOutput(run: string, items: readonly ToldItem[], said: number): ShownOutput {
  const messages = items
    .filter(({ kind }) => kind === 'message')
    .map(({ data }) => JSON.parse(data) as unknown)
  const dropped = Math.max(0, said - messages.length)
  const output = messages.flatMap((message, index) => outputOf(run, message, dropped + index + 1))
  return {
    messages,
    sources: sourcesOf(items),
    output: output.length > 0 ? output : null,
    ...(dropped > 0 ? { messagesDropped: dropped } : {}),
  }
}

function sourcesOf(items: readonly ToldItem[]): RunView['sources'] {
  const byUrl = new Map<string, { url: string; title?: string }>()
  for (const { kind, data } of items) {
    if (kind !== 'source') continue
    const source = JSON.parse(data) as { url: string; title?: string }
    if (!byUrl.has(source.url)) byUrl.set(source.url, source)
  }
  return [...byUrl.values()].slice(0, MOST_SOURCES)
}

/** Of a text, or of a message of the assistant that has some. */
function outputOf(run: string, message: unknown, n: number): object[] {
  const texts = textsOf(message)
  if (texts.length === 0) return []
  const content = texts.map((text) => ({ type: 'output_text', text }))
  return [
    { id: `msg_${run.slice(2)}_${n}`, type: 'message', role: 'assistant', status: 'completed', content },
  ]
}

function textsOf(message: unknown): string[] {
  if (typeof message === 'string') return [message]
  if (!isObject(message)) return []
  const { role = 'assistant', content, text } = message
  if (role !== 'assistant') return []
  if (typeof content === 'string') return [content]
  if (!Array.isArray(content)) return typeof text === 'string' ? [text] : []
  return content.flatMap((part: unknown) => {
    if (typeof part === 'string') return [part]
    const isText = isObject(part) && (part.type === 'text' || part.type === 'output_text')
    return isText && typeof part.text === 'string' ? [part.text] : []
  })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
