/**
 * Opens the socket to a worker: one attempt, one verdict. `refused` is worth a kind of its own: a
 * port that refuses tells that the worker's process is gone, which a timeout does not.
 */
import { PROTOCOL } from '@berth/protocol'
import { WebSocket } from 'ws'

export interface DialOptions {
  /** The worker's base URL, http or https. */
  readonly url: string
  readonly fleetKey: string
  readonly workerKey: string
  readonly timeoutMs: number
}

export type Dialled =
  | { readonly kind: 'open'; readonly socket: WebSocket }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

/** Largest frame a worker may send: a text frame with 10,000 schemas. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024

export function dial(options: DialOptions): Promise<Dialled> {
  const socket = new WebSocket(linkUrl(options.url), PROTOCOL, {
    headers: { 'x-lb-auth': options.fleetKey, authorization: options.workerKey },
    handshakeTimeout: options.timeoutMs,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    maxPayload: MAX_PAYLOAD_BYTES,
    followRedirects: false,
    // A mask guards proxies against pages in a browser, and here is neither: left zero, ws skips it.
    generateMask: () => {},
  })
  return new Promise((resolve) => settleDial(socket, resolve))
}

function settleDial(socket: WebSocket, resolve: (dialled: Dialled) => void): void {
  socket.once('open', () => {
    // The hello may come with the very bytes of the handshake: nothing is read before the link listens.
    socket.pause()
    resolve({ kind: 'open', socket })
  })
  socket.once('unexpected-response', (request, response) => {
    request.destroy()
    response.resume()
    resolve({ kind: 'failed', reason: refusalOf(response.statusCode ?? 0) })
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const isRefused = codesOf(error).every((code) => code === 'ECONNREFUSED')
    resolve(
      isRefused
        ? { kind: 'refused', reason: 'nothing listens at this address' }
        : { kind: 'failed', reason: reasonOf(error) },
    )
  })
}

/** A name with several addresses fails with one error that holds an error each. */
function codesOf(error: NodeJS.ErrnoException): (string | undefined)[] {
  if (error instanceof AggregateError) return error.errors.map((each: NodeJS.ErrnoException) => each.code)
  return [error.code]
}

function linkUrl(url: string): string {
  return `${url.replace(/^http/, 'ws')}/link`
}

function refusalOf(status: number): string {
  if (status === 401 || status === 403)
    return 'the worker refuses our keys: its LB_AUTH_KEY must equal FLEET_KEY here, its AUTH_KEY WORKER_AUTH_KEY'
  if (status === 404) return 'what listens there is no Berth worker (no /link)'
  return `the worker answered ${status} to the link`
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.message.includes('handshake has timed out')) return 'no answer in time'
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') return 'the host name cannot be resolved'
  return error.code ? `the connection failed (${error.code})` : error.message.slice(0, 200)
}
