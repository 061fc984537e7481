/**
 * The worker's listening server, between the socket and `http.ts`: strict about what it reads, and answering what
 * is no request of ours before anybody looks at its meaning. Made by `compose.ts`, which listens and closes.
 * Invariants: a request with a faulty head reaches no route; a connection that breaks HTTP gets one answer and
 * ends; only a WebSocket is an upgrade.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  createRequestCheck,
  describeBroken,
  endWithAnswer,
  isUnansweredBody,
  MAX_HEADERS,
  REQUEST_LIMITS,
  type RequestFault,
  serveHalfOpen,
  UNMET_EXPECTATION,
} from '@berth/runtime'
import { type Answer, problem } from './answer.ts'

export interface ServerRoutes {
  /** Takes a request before the router does; false leaves it to the router. */
  readonly hot: (incoming: IncomingMessage, outgoing: ServerResponse) => boolean
  readonly route: (incoming: IncomingMessage, outgoing: ServerResponse) => unknown
  /** Whether a client that asks first (`Expect: 100-continue`) may send its body. */
  readonly mayContinue: (incoming: IncomingMessage) => boolean
}

const LIMITS = { ...REQUEST_LIMITS, keepAliveTimeout: 65_000, requestTimeout: 120_000 }

/** Headers on which trust or meaning rests may not come twice. */
const findFault = createRequestCheck(['host', 'authorization', 'x-lb-auth', 'content-type'])

export function createWorkerServer(routes: ServerRoutes): Server {
  const server = createServer(LIMITS)
  server.maxHeadersCount = MAX_HEADERS
  const listOpen = serveHalfOpen(server)
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const fault = findFault(incoming)
    if (fault !== undefined) refuse(outgoing, problemOfFault(fault))
    else if (!routes.hot(incoming, outgoing)) void routes.route(incoming, outgoing)
  }
  server.on('request', answer)
  server.on('checkContinue', (incoming, outgoing) => {
    if (findFault(incoming) === undefined && routes.mayContinue(incoming)) outgoing.writeContinue()
    else outgoing.shouldKeepAlive = false
    answer(incoming, outgoing)
  })
  server.on('checkExpectation', (_incoming, outgoing) => refuse(outgoing, problemOfFault(UNMET_EXPECTATION)))
  server.on('connect', (_incoming, socket) =>
    refuseSocket(socket, problem('METHOD_NOT_ALLOWED', 'CONNECT is not taken here.')),
  )
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // An answer under way must not get a second one in its middle.
    const open = listOpen(socket)
    const isUnderWay = open.length > 0 && !isUnansweredBody(open)
    if (error.code === 'ECONNRESET' || isUnderWay) socket.destroy()
    else refuseSocket(socket, problemOfFault(describeBroken(error.code)))
  })
  return server
}

/** The fault of an upgrade's head, as the answer to it. */
export function refusalOfHead(incoming: IncomingMessage): Answer | undefined {
  const fault = findFault(incoming)
  return fault && problemOfFault(fault)
}

/** The answer on a bare connection, which ends with it. */
export function refuseSocket(socket: Duplex, { status, headers, body }: Answer): void {
  endWithAnswer(socket, { status, headers, body: String(body) })
}

function problemOfFault({ code, detail, status }: RequestFault): Answer {
  return problem(code, detail, { status })
}

function refuse(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  outgoing.shouldKeepAlive = false
  outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  outgoing.end(body)
}
