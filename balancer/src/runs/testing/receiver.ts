/** A receiver of webhooks for tests: answers as it is told, and remembers what it heard. */
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Heard {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export type Answerer = (request: IncomingMessage, response: ServerResponse, heard: Heard) => void

export class Receiver {
  readonly heard: Heard[] = []
  /** How requests are answered from now on; 204 unless told otherwise. */
  answer: Answerer = (_request, response) => response.writeHead(204).end()
  readonly #server: Server
  #waiters: (() => void)[] = []

  constructor(server: Server) {
    this.#server = server
  }

  static async start(host = '127.0.0.1'): Promise<Receiver> {
    const server = createServer()
    const receiver = new Receiver(server)
    server.on('request', (request, response) => void receiver.#take(request, response))
    server.listen(0, host)
    await once(server, 'listening')
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return `http://${address}:${port}`
  }

  /** These statuses first, each once, then 204. */
  answerWith(...statuses: (number | readonly [number, Record<string, string>])[]): void {
    const left = [...statuses]
    this.answer = (_request, response) => {
      const next = left.shift() ?? 204
      const [status, headers] = typeof next === 'number' ? [next, {}] : next
      response.writeHead(status, headers).end()
    }
  }

  /** The `count`th request, when it was heard whole. */
  async until(count: number): Promise<Heard> {
    while (this.heard.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve))
    return this.heard[count - 1] as Heard
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    const body = Buffer.concat(await Array.fromAsync(request).catch(() => []))
    const heard = { path: request.url ?? '', headers: request.headers, body }
    this.heard.push(heard)
    for (const waiter of this.#waiters.splice(0)) waiter()
    this.answer(request, response, heard)
  }
}
