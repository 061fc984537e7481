/**
 * Opens a WebSocket as its server: from the upgrade of a `node:http` server to a socket that speaks frames. Called
 * with requests of which key and address were found good.
 * Invariant: nothing but a whole handshake of version 13 becomes a socket.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WireSocket, type WireTerms } from './web-socket.ts'
import { acceptOf } from './web-socket-dial.ts'

const KEY = /^[+/0-9A-Za-z]{22}==$/
const VERSION = '13'

/** Why a request is no handshake; undefined when it is one. */
export function findHandshakeFault({ method, headers }: IncomingMessage): string | undefined {
  if (method !== 'GET') return 'A WebSocket is opened with GET'
  if (headers.upgrade?.toLowerCase() !== 'websocket') return 'Only an upgrade to websocket is taken here'
  if (headers['sec-websocket-version'] !== VERSION) return `Sec-WebSocket-Version must be ${VERSION}`
  return KEY.test(headers['sec-websocket-key'] ?? '') ? undefined : 'Sec-WebSocket-Key is no key'
}

/** `head`: what came behind the request; `protocol`: which of those that were offered is spoken. */
export function acceptWire(
  { headers }: IncomingMessage,
  socket: Socket,
  { head, protocol, ...terms }: Omit<WireTerms, 'isClient'> & { head: Buffer; protocol: string },
): WireSocket {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(headers['sec-websocket-key'] ?? '')}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
  ]
  socket.setTimeout(0)
  socket.setNoDelay()
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const wire = new WireSocket(socket, head, { ...terms, isClient: false })
  socket.on('data', (piece: Buffer) => wire.receive(piece, true))
  socket.pause()
  return wire
}
