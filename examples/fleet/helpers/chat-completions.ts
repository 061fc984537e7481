/**
 * One request to an endpoint that speaks the chat completions protocol (OpenAI's, and many others'), streamed. Used by
 * functions/agent.ts. Knows nothing of Berth.
 */
import { EventSourceParserStream } from 'eventsource-parser/stream'

export interface ToolCall {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string | null
  readonly tool_calls?: readonly ToolCall[]
  readonly tool_call_id?: string
}

export interface ChatTool {
  readonly type: 'function'
  readonly function: {
    readonly name: string
    readonly description: string
    readonly parameters: Readonly<Record<string, unknown>>
  }
}

export interface Endpoint {
  /** Such as `https://api.openai.com/v1`. */
  readonly baseUrl: string
  readonly apiKey: string | undefined
  readonly model: string
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[]
  readonly tools: readonly ChatTool[]
  readonly signal: AbortSignal
  /** Each piece of the answer as it comes; it is awaited. */
  readonly onText: (text: string) => Promise<void> | void
}

export interface ChatAnswer {
  readonly text: string
  readonly toolCalls: readonly ToolCall[]
  /** As the endpoint counts them; empty when it does not. */
  readonly usage: Readonly<Record<string, number>>
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: Delta }[]
  readonly usage?: Tokens | null
  readonly error?: { readonly message?: string }
}

interface Delta {
  readonly content?: string | null
  readonly tool_calls?: readonly {
    readonly index: number
    readonly id?: string
    readonly function?: { readonly name?: string; readonly arguments?: string }
  }[]
}

interface Tokens {
  readonly prompt_tokens?: number
  readonly completion_tokens?: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number }
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number }
}

/** Rejects with the endpoint's own words when it refuses. */
export async function chat(endpoint: Endpoint, request: ChatRequest): Promise<ChatAnswer> {
  const { messages, tools, signal, onText } = request
  const { baseUrl, apiKey, model } = endpoint
  const answer = await fetch(`${baseUrl.replace(/\/$/, '')}/chat/completions`, {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}) },
    body: JSON.stringify({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
      ...(tools.length > 0 ? { tools } : {}),
    }),
  })
  if (!answer.ok || !answer.body) {
    const said = (await answer.text()).slice(0, 500)
    throw new Error(`The model at ${baseUrl} answered ${answer.status}: ${said}`)
  }
  return readAnswer(answer.body, onText)
}

async function readAnswer(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onText: ChatRequest['onText'],
): Promise<ChatAnswer> {
  const calls: { id: string; name: string; arguments: string }[] = []
  let text = ''
  let usage: ChatAnswer['usage'] = {}
  const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
  for await (const { data } of events) {
    if (data === '[DONE]') break
    const { choices = [], usage: tokens, error }: Chunk = JSON.parse(data)
    if (error) throw new Error(`The model broke off: ${error.message ?? 'no reason given'}`)
    if (tokens) usage = toUsage(tokens)
    const { content, tool_calls: parts = [] } = choices[0]?.delta ?? {}
    if (content) {
      text += content
      await onText(content)
    }
    for (const { index, id, function: called } of parts) {
      calls[index] ??= { id: '', name: '', arguments: '' }
      const call = calls[index]
      call.id += id ?? ''
      call.name += called?.name ?? ''
      call.arguments += called?.arguments ?? ''
    }
  }
  const toolCalls = calls.map(
    ({ id, name, arguments: given }): ToolCall => ({
      id,
      type: 'function',
      function: { name, arguments: given },
    }),
  )
  return { text, toolCalls, usage }
}

/** Cached and reasoning tokens are part of the endpoint's sums, and are counted apart here. */
function toUsage(tokens: Tokens): ChatAnswer['usage'] {
  const { prompt_tokens: prompt = 0, completion_tokens: completion = 0 } = tokens
  const cached = tokens.prompt_tokens_details?.cached_tokens ?? 0
  const reasoning = tokens.completion_tokens_details?.reasoning_tokens ?? 0
  return {
    inputTokens: prompt,
    outputTokens: completion - reasoning,
    ...(cached > 0 ? { cacheReadTokens: cached } : {}),
    ...(reasoning > 0 ? { reasoningTokens: reasoning } : {}),
  }
}
