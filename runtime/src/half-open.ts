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
import type { Duplex } from 'node:stream'

/**
 * A reset is seen when the next thing is written, so the question is soon put again; and somebody may end for
 * good long after the half, so it is put as long as the answer is due, each time after twice as long.
 */
const ASK_FIRST_MS = 10
const ASK_EVERY_MS = 2000

/** The answers of a connection that are under way, in the order of their requests. */
export type ListOpen = (socket: Duplex) => readonly ServerResponse[]

/** Puts the question on a connection whose answer is due from somebody else than Node's own response. */
export type AskOther = (socket: Socket) => void

export function serveHalfOpen(server: Server, askOther?: AskOther): ListOpen {
  /** Answers in the order of their requests: only the oldest may write. Those that have closed go with the next. */
  const open = new WeakMap<Duplex, ServerResponse[]>()
  // Node's own switch for this, of which its types do not know.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.on('connection', (socket: Socket) => {
    const responses: ServerResponse[] = []
    open.set(socket, responses)
    socket.once('end', () => askWhileOpen(socket, responses, askOther))
  })
  const note = ({ socket }: IncomingMessage, response: ServerResponse) => {
    const responses = open.get(socket)
    while (responses?.[0]?.closed) responses.shift()
    responses?.push(response)
  }
  server.prependListener('request', note)
  server.prependListener('checkContinue', note)
  server.prependListener('checkExpectation', note)
  return (socket) => open.get(socket)?.filter(isOpen) ?? []
}

function isOpen(response: ServerResponse): boolean {
  return !response.closed
}

function askWhileOpen(socket: Socket, responses: readonly ServerResponse[], askOther?: AskOther): void {
  if (socket.destroyed) return
  const current = responses.find(isOpen)
  if (current?.headersSent && !current.writableEnded) {
    socket.destroy()
    return
  }
  socket.setKeepAlive(true, ASK_EVERY_MS)
  let timer: NodeJS.Timeout | undefined
  const ask = (nextMs: number) => {
    if (socket.destroyed) return
    const oldest = responses.find(isOpen)
    if (oldest !== undefined && !oldest.headersSent && oldest.req.httpVersionMinor > 0) oldest.writeContinue()
    askOther?.(socket)
    timer = setTimeout(() => ask(Math.min(2 * nextMs, ASK_EVERY_MS)), nextMs).unref()
  }
  ask(ASK_FIRST_MS)
  socket.once('close', () => clearTimeout(timer))
}
