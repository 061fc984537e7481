/**
 * Opens a WebSocket as its client: one attempt, one verdict, never longer than its time. What comes is read into
 * memory that all sockets of the process share, the middle of a long message right into its place.
 * Invariant: an open socket is handed over paused, so that what came together with the answer waits for a reader.
 */
import { createHash, randomBytes } from 'node:crypto'
import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectSecurely } from 'node:tls'
import { WireSocket, type WireTerms } from './web-socket.ts'

export interface WireDialOptions {
  /** http or https. */
  readonly url: URL
  readonly protocol: string
  /** Must be fit for a head. */
  readonly headers: Readonly<Record<string, string>>
  /** For everything from the name's resolution to the answer. */
  readonly timeoutMs: number
  readonly terms: Omit<WireTerms, 'isClient'>
}

export type WireDialled =
  | { readonly kind: 'open'; readonly wire: WireSocket }
  /** Another answer than the upgrade. */
  | { readonly kind: 'answered'; readonly status: number }
  /** What listens speaks no HTTP or no WebSocket, or does not know the protocol. */
  | { readonly kind: 'foreign'; readonly lacks: 'WebSocket' | 'protocol' }
  | { readonly kind: 'failed'; readonly error: NodeJS.ErrnoException }
  | { readonly kind: 'late' }

/** Of one read; the system is asked again as long as it fills it. */
const READ_BYTES = 64 * 1024
const MOST_HEAD_BYTES = 16 * 1024
const END_OF_HEAD = '\r\n\r\n'
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: |\r\n)/
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Where all sockets read to: whoever gets the bytes has taken what it needs before the next read. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES)

/** What a server proves with that it has read this key. */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + ACCEPT_SUFFIX)
    .digest('base64')
}

/** What hangs on an open socket for good: who reads it now. */
class Reads {
  reader: Handshake | WireSocket
  #direct: Buffer | undefined

  constructor(reader: Handshake) {
    this.reader = reader
  }

  readonly buffer = (): Buffer => {
    this.#direct = this.reader.room()
    return this.#direct ?? shared
  }

  readonly callback = (count: number): boolean => {
    const { reader } = this
    if (reader instanceof Handshake) return reader.receive(shared.subarray(0, count))
    if (this.#direct) reader.filled(count)
    else reader.receive(shared.subarray(0, count), false)
    return true
  }
}

/** Never rejects. */
export function dialWire(options: WireDialOptions): Promise<WireDialled> {
  return new Promise((resolve) => void new Handshake(options, resolve))
}

class Handshake {
  readonly #options: WireDialOptions
  readonly #resolve: (dialled: WireDialled) => void
  readonly #key = randomBytes(16).toString('base64')
  readonly #reads = new Reads(this)
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout
  #head = Buffer.alloc(0)
  #isSettled = false

  constructor(options: WireDialOptions, resolve: (dialled: WireDialled) => void) {
    this.#options = options
    this.#resolve = resolve
    this.#timer = setTimeout(() => this.#fail({ kind: 'late' }), options.timeoutMs)
    this.#socket = open(options.url, this.#reads)
    this.#socket.on('error', this.#onError)
    this.#socket.on('close', this.#onClose)
    this.#socket.write(this.#request(), 'latin1')
  }

  /** Short, and read to the end of the head only: no message has a place yet. */
  room(): undefined {
    return undefined
  }

  /** False when it is the end of the handshake. */
  receive(piece: Buffer): boolean {
    if (this.#isSettled) return false
    this.#head = Buffer.concat([this.#head, piece])
    const end = this.#head.indexOf(END_OF_HEAD)
    if (end < 0 && this.#head.length < MOST_HEAD_BYTES && mayBeHttp(this.#head)) return true
    if (end < 0) this.#fail({ kind: 'foreign', lacks: 'WebSocket' })
    else this.#judge(this.#head.toString('latin1', 0, end + 2), this.#head.subarray(end + END_OF_HEAD.length))
    return false
  }

  #judge(head: string, rest: Buffer): void {
    const status = Number(STATUS_LINE.exec(head)?.[1] ?? 0)
    const { protocol, terms } = this.#options
    if (status === 0) return this.#fail({ kind: 'foreign', lacks: 'WebSocket' })
    if (status !== 101) return this.#fail({ kind: 'answered', status })
    const isUpgraded = fieldOf(head, 'upgrade')?.toLowerCase() === 'websocket'
    if (!isUpgraded || fieldOf(head, 'sec-websocket-accept') !== acceptOf(this.#key))
      return this.#fail({ kind: 'foreign', lacks: 'WebSocket' })
    if (fieldOf(head, 'sec-websocket-extensions') !== undefined)
      return this.#fail({ kind: 'foreign', lacks: 'WebSocket' })
    if (fieldOf(head, 'sec-websocket-protocol') !== protocol)
      return this.#fail({ kind: 'foreign', lacks: 'protocol' })
    if (!this.#settle()) return
    const wire = new WireSocket(this.#socket, Buffer.from(rest), { ...terms, isClient: true })
    this.#socket.pause()
    this.#reads.reader = wire
    this.#resolve({ kind: 'open', wire })
  }

  #request(): string {
    const { url, protocol, headers } = this.#options
    const lines = [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      `Host: ${url.host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${this.#key}`,
      `Sec-WebSocket-Protocol: ${protocol}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ]
    return `${lines.join('\r\n')}${END_OF_HEAD}`
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#fail({ kind: 'failed', error })
  }

  readonly #onClose = (): void => {
    const error = Object.assign(new Error('the connection ended without an answer'), { code: 'ECONNRESET' })
    this.#fail({ kind: 'failed', error })
  }

  #fail(dialled: WireDialled): void {
    if (!this.#settle()) return
    this.#socket.on('error', ignore)
    this.#socket.destroy()
    this.#resolve(dialled)
  }

  /** False when it was settled before. */
  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    clearTimeout(this.#timer)
    this.#socket.off('error', this.#onError)
    this.#socket.off('close', this.#onClose)
    return true
  }
}

function open({ protocol, hostname, port }: URL, { buffer, callback }: Reads): Socket {
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const onread = { buffer, callback }
  if (protocol !== 'https:') return connect({ host, port: Number(port || 80), noDelay: true, onread })
  const servername = isIP(host) > 0 ? '' : host
  const options = { host, port: Number(port || 443), servername, ALPNProtocols: ['http/1.1'] }
  // Node's types do not know of `onread` here.
  const secure: ConnectionOptions = Object.assign(options, { onread })
  return connectSecurely(secure).setNoDelay()
}

function mayBeHttp(head: Buffer): boolean {
  const beginning = 'HTTP/1.'
  return beginning.startsWith(head.toString('latin1', 0, beginning.length))
}

/** The only value of a field; undefined when it is missing or there are several. */
function fieldOf(head: string, name: string): string | undefined {
  const found = head
    .split('\r\n')
    .slice(1)
    .filter((line) => line.slice(0, line.indexOf(':')).toLowerCase() === name)
  return found.length === 1 ? found[0]?.slice(name.length + 1).trim() : undefined
}

/** It is settled: what still happens to the socket is nobody's. */
function ignore(): void {}
