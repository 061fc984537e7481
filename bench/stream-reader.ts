/**
 * Reads a stream over a bare socket, as cheaply as can be, so that a hundred of them can be read beside what is
 * measured. Called by scenarios about streams and waiting tasks.
 * Invariant: an answer that is not 200, or is cut, rejects.
 */
import { connect, type Socket } from 'node:net'
import { KEY } from './peers/berth.ts'

export interface StreamRead {
  /** ms from the request to the first byte of the body. */
  readonly first: Promise<number>
  /** Bytes of the answer, head and chunk lengths included. */
  readonly whole: Promise<number>
  readonly socket: Socket
}

const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n')

/** Sends one `POST` on a connection of its own. */
export function readStream(url: string, path: string, body: string): StreamRead {
  const { hostname, port } = new URL(url)
  const first = Promise.withResolvers<number>()
  const whole = Promise.withResolvers<number>()
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  const head = `POST ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${KEY}\r\nconnection: close\r\n`
  let sentAt = 0
  let bytes = 0
  let tail: Buffer = Buffer.alloc(0)
  socket.once('connect', () => {
    sentAt = performance.now()
    socket.write(`${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  })
  socket.on('data', (piece: Buffer) => {
    if (bytes === 0) {
      if (!piece.subarray(9, 12).equals(OK))
        return fail(new Error(`${url} answered ${piece.subarray(0, 300)}`))
      first.resolve(performance.now() - sentAt)
    }
    bytes += piece.length
    tail =
      piece.length >= LAST_CHUNK.length ? piece.subarray(-LAST_CHUNK.length) : Buffer.concat([tail, piece])
  })
  const fail = (error: Error) => {
    first.reject(error)
    whole.reject(error)
    socket.destroy()
  }
  socket.once('error', fail)
  socket.once('close', () => {
    if (tail.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) whole.resolve(bytes)
    else fail(new Error(`${url} cut a stream after ${bytes} bytes`))
  })
  // Whoever looks at one of them need not look at both.
  first.promise.catch(() => {})
  whole.promise.catch(() => {})
  return { first: first.promise, whole: whole.promise, socket }
}

const OK = Buffer.from('200')
