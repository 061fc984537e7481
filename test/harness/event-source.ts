/** A client of server-sent events for tests: reads one connection, keeps what came, and can be left. */
import { KEYS } from './berth.ts'
import { until } from './until.ts'

export type ServerEvent = { readonly id: string; readonly event: string; readonly data: unknown }

const LIMIT_MS = 30_000

export class EventSource {
  readonly events: ServerEvent[] = []
  readonly status: number
  /** Resolves when the connection has ended, however. */
  readonly ended: Promise<void>
  hasEnded = false
  readonly #leaving: AbortController

  constructor(response: Response, leaving: AbortController) {
    this.status = response.status
    this.#leaving = leaving
    this.ended = this.#read(response).finally(() => {
      this.hasEnded = true
    })
  }

  /** `after`: the id of the last event that was seen. */
  static async open(url: string, after?: string, key = KEYS.caller): Promise<EventSource> {
    const leaving = new AbortController()
    const headers = { authorization: key, ...(after === undefined ? {} : { 'last-event-id': after }) }
    return new EventSource(await fetch(url, { headers, signal: leaving.signal }), leaving)
  }

  /** The first event that is meant, when it has come. */
  async until(isMeant: (event: ServerEvent) => boolean, what = 'an event'): Promise<ServerEvent> {
    let found: ServerEvent | undefined
    await until(
      async () => {
        found = this.events.find(isMeant)
        return found !== undefined || this.hasEnded
      },
      LIMIT_MS,
      what,
    )
    found ??= this.events.find(isMeant)
    if (!found) throw new Error(`the stream ended without ${what}: ${JSON.stringify(this.events)}`)
    return found
  }

  leave(): void {
    this.#leaving.abort()
  }

  async #read(response: Response): Promise<void> {
    const decoder = new TextDecoder()
    let text = ''
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk as Uint8Array, { stream: true })
        const blocks = text.split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) if (!block.startsWith(':')) this.events.push(parse(block))
      }
    } catch {
      // Cut off, or left: what came is there.
    }
  }
}

function parse(block: string): ServerEvent {
  const fields: Record<string, string> = {}
  for (const line of block.split('\n')) {
    const [name = '', value = ''] = line.split(/: (.*)/s)
    fields[name] = name in fields ? `${fields[name]}\n${value}` : value
  }
  return {
    id: fields.id ?? '',
    event: fields.event ?? '',
    data: fields.data === undefined ? undefined : JSON.parse(fields.data),
  }
}
