/**
 * Server-sent events out of a stream of bytes (the part of the standard that the balancer uses). Pure but for the
 * reading. Invariant: an event is given once, when its blank line has come; what is cut off in the middle is not.
 */
export interface ServerEvent {
  readonly type: string
  readonly data: string
  readonly id: string | null
}

/** Longer than the largest event; more without a line's end is no stream of events. */
const MAX_PENDING = 32 * 1024 * 1024

export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncIterable<ServerEvent> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let pending = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      pending += decoder.decode(value, { stream: true })
      const blocks = pending.split(/\r?\n\r?\n/)
      pending = blocks.pop() ?? ''
      if (pending.length > MAX_PENDING) throw new Error('an event is too long')
      for (const block of blocks) {
        const event = readBlock(block)
        if (event) yield event
      }
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

function readBlock(block: string): ServerEvent | null {
  let type = 'message'
  let id: string | null = null
  const data: string[] = []
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (line === '' || colon === 0) continue
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') type = value
    else if (name === 'id') id = value
    else if (name === 'data') data.push(value)
  }
  return data.length === 0 && id === null ? null : { type, data: data.join('\n'), id }
}
