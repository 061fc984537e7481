/**
 * The object `worker` of the workers API: a session here, put together from its runs. Pure; called by
 * worker-sessions.ts. What the newest work says is that of the current turn (`output`, `sources`, `error`); what
 * belongs to the conversation is that of all turns (`messages`, `files`, `usage`, `costs`).
 * Invariant: every field is there and of its type, whatever a function has put out; amounts are 0 where none was told.
 */
import { isFinal, type RunItem, type RunView, type Usage } from '@berth/protocol'

/** What a session is made of. */
export interface SessionFacts {
  readonly id: string
  /** Its runs, the newest first. */
  readonly runs: readonly RunItem[]
  /** The one that is worked on, else the newest; whole. */
  readonly current: RunView
  /** Turns before it that completed, the oldest first. */
  readonly before: readonly EarlierTurn[]
  /** Of all its runs. */
  readonly usage: Usage | null
}

export interface EarlierTurn {
  readonly input: unknown
  readonly output: unknown
}

interface Message {
  readonly role: string
  readonly content: unknown
}

export type WorkerObject = ReturnType<typeof toWorker>

export function toWorker({ id, runs, current, before, usage }: SessionFacts) {
  const oldest = runs.at(-1) ?? current
  const output = outputOf(current)
  const status = statusOf(runs)
  return {
    id,
    object: 'worker' as const,
    created_at: Math.floor(Date.parse(oldest.createdAt) / 1_000),
    status,
    running: status === 'running',
    error: errorOf(current),
    incomplete_details: incompleteOf(current),
    messages: [...before.flatMap(messagesOfTurn), ...messagesOf(current)],
    metadata: oldest.metadata,
    output,
    output_text: output.flatMap(({ content }) => content.map(({ text }) => text)).join('\n'),
    sources: current.sources.map(({ url, title }, index) => {
      const named = title === undefined ? {} : { title }
      return { id: `src_${current.id.slice(2)}_${index + 1}`, type: 'url' as const, url, ...named }
    }),
    files: filesOf(id, runs),
    usage: usageOf(usage),
    costs: costsOf(usage),
  }
}

/** The one whose output and errors are shown: the oldest that has not ended, else the newest. */
export function currentOf<Run extends Pick<RunItem, 'status'>>(runs: readonly Run[]): Run | undefined {
  return runs.findLast(({ status }) => !isFinal(status)) ?? runs[0]
}

function statusOf(runs: readonly RunItem[]): 'pending' | 'running' | 'completed' {
  if (runs.some(({ status }) => status === 'running')) return 'running'
  return runs.every(({ status }) => isFinal(status)) ? 'completed' : 'pending'
}

function errorOf({ status, error }: RunView): { code: string; message: string } | null {
  if (!isFinal(status) || status === 'completed' || isExhausted(error)) return null
  return error ?? { code: status.toUpperCase(), message: `The turn was ${status}.` }
}

function incompleteOf({ error }: RunView): { reason: string; message: string } | null {
  return isExhausted(error) ? { reason: 'budget_exhausted', message: error.message } : null
}

function isExhausted(error: RunView['error']): error is NonNullable<RunView['error']> {
  return error?.code === 'BUDGET_EXHAUSTED'
}

// --- What was said -------------------------------------------------------------------------------

interface OutputItem {
  readonly id: string
  readonly type: 'message'
  readonly role: 'assistant'
  readonly status: 'completed'
  readonly content: readonly { readonly type: 'output_text'; readonly text: string }[]
}

/** What the run put out by itself, else its result as the one message that it is. */
function outputOf({ id, output, result, status }: RunView): readonly OutputItem[] {
  if (Array.isArray(output)) return output
  const text = status === 'completed' ? textOf(result) : ''
  if (text === '') return []
  const content = [{ type: 'output_text' as const, text }]
  return [{ id: `msg_${id.slice(2)}_1`, type: 'message', role: 'assistant', status: 'completed', content }]
}

function messagesOf({ input, messages, result, status }: RunView): Message[] {
  const asked = askedBy(input)
  if (messages.length > 0) return [...asked, ...messages.map(toMessage)]
  return status === 'completed' ? [...asked, ...answeredBy(result)] : asked
}

function messagesOfTurn({ input, output }: EarlierTurn): Message[] {
  return [...askedBy(input), ...answeredBy(output)]
}

function askedBy(input: unknown): Message[] {
  const text = isObject(input) ? input.input : input
  return text === undefined || text === null ? [] : [{ role: 'user', content: text }]
}

function answeredBy(result: unknown): Message[] {
  const text = textOf(result)
  return text === '' ? [] : [{ role: 'assistant', content: text }]
}

function toMessage(message: unknown): Message {
  if (!isObject(message)) return { role: 'assistant', content: message }
  return { role: 'assistant', content: null, ...message }
}

/** The text of a result: itself, what functions for language models commonly call it, else its JSON. */
function textOf(result: unknown): string {
  if (typeof result === 'string') return result
  if (result === undefined || result === null) return ''
  if (isObject(result))
    for (const name of ['output_text', 'text', 'message', 'content']) {
      const text = result[name]
      if (typeof text === 'string') return text
    }
  return JSON.stringify(result)
}

// --- What it has and what it used ----------------------------------------------------------------

/** Of a path that was written twice the newest counts. */
function filesOf(worker: string, runs: readonly RunItem[]) {
  const byPath = new Map<string, { filename: string; mediaType: string; url: string }>()
  for (const { files } of runs)
    for (const { path, mediaType } of files) {
      const url = `/api/workers/${worker}/files/${path.split('/').map(encodeURIComponent).join('/')}`
      if (!byPath.has(path)) byPath.set(path, { filename: path, mediaType, url })
    }
  return [...byPath.values()].sort((a, b) => (a.filename < b.filename ? -1 : 1))
}

function usageOf(usage: Usage | null) {
  const of = (name: string) => usage?.[name] ?? 0
  return {
    inputTokens: of('inputTokens'),
    outputTokens: of('outputTokens'),
    reasoningTokens: of('reasoningTokens'),
    cacheReadTokens: of('cacheReadTokens'),
    cacheWriteTokens: of('cacheWriteTokens'),
    totalTokens: of('totalTokens'),
    steps: of('steps'),
    costUsd: of('costUsd'),
    credits: Math.round(of('credits')),
  }
}

function costsOf(usage: Usage | null) {
  const of = (name: string) => usage?.[name] ?? 0
  return {
    internalCostUsd: of('internalCostUsd'),
    modelCostUsd: of('modelCostUsd'),
    sandboxCostUsd: of('sandboxCostUsd'),
    toolCostUsd: of('toolCostUsd'),
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
