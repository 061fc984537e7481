/**
 * The last answer on a connection that no response belongs to: a refused upgrade, a request that is no HTTP.
 * Invariant: the connection ends with it, within a second, and a client that is still sending can read it.
 */
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

const LINGER_MS = 1000

export interface SocketAnswer {
  readonly status: number
  /** Without those of the length and the end, which are added. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export function endWithAnswer(socket: Duplex, { status, headers, body }: SocketAnswer): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const all = { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  endSoon(socket)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.join('')}\r\n${body}`)
}

/** What the peer still sends is read and dropped for a moment, or it would see a reset and no answer. */
function endSoon(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  timer.unref()
  socket.once('end', () => socket.destroy())
  socket.once('close', () => clearTimeout(timer))
  socket.on('error', () => socket.destroy())
  socket.resume()
}
