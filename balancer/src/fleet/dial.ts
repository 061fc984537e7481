/**
 * Opens the socket to a worker: one attempt, one verdict, never longer than its time. `refused` is
 * worth a kind of its own: a port that refuses tells that the worker's process is gone, which a
 * timeout does not. Called by a member; an open socket is handed over paused, so that a hello that
 * came together with the upgrade's answer is not lost before somebody listens.
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { LIMITS, PROTOCOL } from '@berth/protocol'
import { WebSocket } from 'ws'

export interface DialOptions {
  /** The worker's base URL, http or https. */
  readonly url: string
  readonly fleetKey: string
  readonly workerKey: string
  /** For everything from the name's resolution to the answer of the upgrade. */
  readonly timeoutMs: number
}

export type Dialled =
  | { readonly kind: 'open'; readonly socket: WebSocket }
  | { readonly kind: 'refused' | 'failed'; readonly reason: string }

/** How long a peer may take to agree to a close before its socket is destroyed. */
const CLOSE_WAIT_MS = 5_000
/** What a header can carry; anything else would make the request throw. */
const HEADER_PATTERN = /^[\t\x20-\x7e\x80-\xff]*$/

/** What Node says of a certificate that it does not take. */
const CERTIFICATE_FAULT = /CERT|SIGNATURE|SELF_SIGNED|UNABLE_TO_GET_ISSUER/

const NO_ANSWER = 'no answer in time'
const NO_WORKER = 'what listens there is no Berth worker'

/** Never rejects. */
export function dial(options: DialOptions): Promise<Dialled> {
  const { url, fleetKey, workerKey, timeoutMs } = options
  const wrongKey = findUnsendable({ fleetKey, workerKey })
  if (wrongKey !== undefined) return Promise.resolve({ kind: 'failed', reason: wrongKey })
  const socket = new WebSocket(linkUrl(url), PROTOCOL, {
    headers: { 'x-lb-auth': fleetKey, authorization: workerKey },
    perMessageDeflate: false,
    // The link checks text frames itself; the rest is bytes.
    skipUTF8Validation: true,
    maxPayload: LIMITS.textBytes,
    followRedirects: false,
    closeTimeout: CLOSE_WAIT_MS,
    generateMask: leaveZero,
  } as WebSocket.ClientOptions)
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle({ kind: 'failed', reason: NO_ANSWER }), timeoutMs)
    const settle = (dialled: Dialled) => {
      clearTimeout(timer)
      unlisten()
      resolve(dialled)
      if (dialled.kind !== 'open') socket.terminate()
    }
    const unlisten = listen(socket, settle)
  })
}

/** A mask guards proxies against pages in a browser, and here is neither: left zero, ws skips it. */
function leaveZero(): void {}

/** Later errors of a dial that is settled go nowhere, but they have a listener. */
function ignore(): void {}

/** Returns what ends it: an open link lives long, and would keep all that its dial had. */
function listen(socket: WebSocket, settle: (dialled: Dialled) => void): () => void {
  const onOpen = () => {
    socket.pause()
    settle({ kind: 'open', socket })
  }
  const onAnswer = (_request: ClientRequest, response: IncomingMessage) => {
    response.on('error', ignore)
    settle({ kind: 'failed', reason: refusalOf(response.statusCode ?? 0) })
  }
  const onError = (error: NodeJS.ErrnoException) => settle(verdictOf(error))
  socket.on('open', onOpen)
  socket.on('unexpected-response', onAnswer)
  socket.on('error', onError)
  return () => {
    socket.on('error', ignore)
    socket.off('open', onOpen)
    socket.off('unexpected-response', onAnswer)
    socket.off('error', onError)
  }
}

function findUnsendable(keys: Readonly<Record<'fleetKey' | 'workerKey', string>>): string | undefined {
  if (!HEADER_PATTERN.test(keys.fleetKey)) return 'FLEET_KEY holds characters that no header can carry'
  if (!HEADER_PATTERN.test(keys.workerKey))
    return 'the key of this entry (or WORKER_AUTH_KEY) holds characters that no header can carry'
  return undefined
}

function linkUrl(url: string): string {
  return `${url.replace(/^http/, 'ws')}/link`
}

function refusalOf(status: number): string {
  if (status === 401 || status === 403)
    return 'the worker refuses our keys: its LB_AUTH_KEY must equal FLEET_KEY here, its AUTH_KEY WORKER_AUTH_KEY'
  if (status === 404) return `${NO_WORKER} (no /link)`
  return `the worker answered ${status} to the link`
}

function verdictOf(error: NodeJS.ErrnoException): Dialled {
  const codes = codesOf(error)
  if (codes.length > 0 && codes.every((code) => code === 'ECONNREFUSED'))
    return { kind: 'refused', reason: 'nothing listens at this address' }
  return { kind: 'failed', reason: reasonOf(error, codes[0]) }
}

/** A name with several addresses fails with one error that holds an error each. */
function codesOf(error: NodeJS.ErrnoException): (string | undefined)[] {
  if (error instanceof AggregateError) return error.errors.map((each: NodeJS.ErrnoException) => each.code)
  return [error.code]
}

function reasonOf(error: Error, code: string | undefined): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host name cannot be resolved'
  if (/sub-?protocol/i.test(error.message)) return `${NO_WORKER} of this version (no ${PROTOCOL})`
  if (/Sec-WebSocket|Upgrade header/i.test(error.message) || code?.startsWith('HPE_'))
    return `${NO_WORKER} (it does not speak WebSocket)`
  if (code !== undefined && CERTIFICATE_FAULT.test(code))
    return `the worker's certificate is not accepted (${code}): give it one for this host, by an authority known here`
  return code ? `the connection failed (${code})` : error.message.slice(0, 200)
}
