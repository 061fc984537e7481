/**
 * The events of a run as they come (`GET /runs/{id}/events`): replayed from the first that is kept, then live, resumed
 * after a break with the last id. The parser is pure; `followEvents` ends when the run does or when it is told to.
 */

export interface RunEvent {
  readonly id: number
  readonly type: string
  /** JSON, or the text itself where it is none. */
  readonly data: unknown
}

/** Cuts a stream of server-sent events into events, whatever pieces it comes in. */
export class EventParser {
  #rest = ''

  push(piece: string): RunEvent[] {
    const blocks = `${this.#rest}${piece}`.split('\n\n')
    this.#rest = blocks.pop() ?? ''
    return blocks.flatMap((block) => readBlock(block) ?? [])
  }
}

function readBlock(block: string): RunEvent | null {
  let id = 0
  let type = 'message'
  const data: string[] = []
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1).replace(/^ /, '')
    if (name === 'id') id = Number(value)
    if (name === 'event') type = value
    if (name === 'data') data.push(value)
  }
  if (data.length === 0) return null
  return { id, type, data: parse(data.join('\n')) }
}

function parse(raw: string): unknown {
  try {
    return JSON.parse(raw)
  } catch {
    return raw
  }
}

const AGAIN_MS = 2_000

/** `onEvents` gets what came at once. Resolves when all has come. */
export async function followEvents(
  run: string,
  signal: AbortSignal,
  onEvents: (events: readonly RunEvent[]) => void,
  againMs = AGAIN_MS,
): Promise<void> {
  let last = 0
  while (!signal.aborted) {
    try {
      const answer = await fetch(`/runs/${encodeURIComponent(run)}/events`, {
        headers: { accept: 'text/event-stream', ...(last > 0 ? { 'last-event-id': String(last) } : {}) },
        credentials: 'same-origin',
        signal,
      })
      if (answer.status === 204 || (answer.status >= 400 && answer.status < 429)) return
      if (answer.ok && answer.body) {
        const isOver = await readAll(answer.body, (events) => {
          last = events.at(-1)?.id || last
          onEvents(events)
        })
        if (isOver) return
      }
    } catch {
      // The connection broke; what is missing comes with the next one.
    }
    await wait(againMs, signal)
  }
}

/** True when the last event was the end. */
async function readAll(
  body: ReadableStream<Uint8Array>,
  onEvents: (events: readonly RunEvent[]) => void,
): Promise<boolean> {
  const parser = new EventParser()
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let isOver = false
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return isOver
    const events = parser.push(decoder.decode(value, { stream: true }))
    if (events.length === 0) continue
    isOver = events.some(({ type }) => type === 'result' || type === 'error')
    onEvents(events)
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = window.setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer)
      resolve()
    })
  })
}
