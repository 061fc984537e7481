/**
 * Has an HTTP server answer a client that sends its end behind its request (`shutdown(SHUT_WR)`, `nc -N`) and
 * waits. On the wire such a client looks like one that has gone; the difference shows when it is written to. So
 * it gets an interim `100 Continue`, which every HTTP/1.1 client skips: one that has gone resets the connection,
 * and its request ends as any other whose client leaves. HTTP/1.0 knows nothing interim: there the system's own
 * keep-alive finds it, in about a minute. Who ends in the middle of an answer, which cannot be asked, has gone.
 * Called by whoever makes a server, before it listens.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * A reset is seen when the next thing is written, so the question is soon put again; and somebody may end for
 * good long after the half, so it is put as long as the answer is due, each time after twice as long.
 */
const ASK_FIRST_MS = 10
const ASK_EVERY_MS = 2000

export function serveHalfOpen(server: Server): void {
  /** Requests that are not answered yet, oldest first: only the oldest may write. */
  const open = new WeakMap<Socket, Set<ServerResponse>>()
  // Node's own switch for this, of which its types do not know.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.on('connection', (socket: Socket) => {
    open.set(socket, new Set())
    socket.once('end', () => askWhileOpen(socket, open.get(socket)))
  })
  const note = ({ socket }: IncomingMessage, response: ServerResponse) => {
    const responses = open.get(socket)
    responses?.add(response)
    // It closes once;  spares the hot path a wrapper and a removal.
    response.on('close', () => responses?.delete(response))
  }
  server.prependListener('request', note)
  server.prependListener('checkContinue', note)
}

function askWhileOpen(socket: Socket, responses: ReadonlySet<ServerResponse> | undefined): void {
  if (responses === undefined || socket.destroyed) return
  const [current] = responses
  if (current?.headersSent && !current.writableEnded) {
    socket.destroy()
    return
  }
  socket.setKeepAlive(true, ASK_EVERY_MS)
  let timer: NodeJS.Timeout | undefined
  const ask = (nextMs: number) => {
    if (socket.destroyed) return
    const [oldest] = responses
    if (oldest !== undefined && !oldest.headersSent && oldest.req.httpVersionMinor > 0) oldest.writeContinue()
    timer = setTimeout(() => ask(Math.min(2 * nextMs, ASK_EVERY_MS)), nextMs).unref()
  }
  ask(ASK_FIRST_MS)
  socket.once('close', () => clearTimeout(timer))
}
