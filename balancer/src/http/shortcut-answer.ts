/**
 * Writes the answer of a task to a connection of the shortcut: the same bytes that Node's response makes of it,
 * put together from texts of which most never change. Called by shortcut-connection.ts.
 * Invariant: a header that could break the head is not written; the answer is an error of our own then.
 */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { latin1Of, lengthOf, ONE_WRITE_BYTES } from './answer-body.ts'
import { describeProblem, INTERNAL_ERROR } from './problem.ts'
import { SECURITY_HEADERS } from './security-headers.ts'
import type { TaskAnswer } from './tasks.ts'

export interface AnswerTerms {
  readonly keepAliveMs: number
  readonly requestsPerSocket: number
}

const SECURITY = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')
/** Printable ASCII. */
const UNFIT = /[^\x20-\x7e]/

/** Returns what writes; one for all connections. */
export function createAnswerWriter({ keepAliveMs, requestsPerSocket }: AnswerTerms) {
  const seconds = Math.floor(keepAliveMs / 1000)
  const staying = `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}, max=${requestsPerSocket}\r\n\r\n`
  const dateLine = createDateLine()
  return (socket: Socket, answer: TaskAnswer, isLast: boolean): void => {
    const { status, body } = answer
    const fields = fieldsOf(answer.headers)
    if (fields === undefined) return void socket.end(brokenAnswer())
    const end = isLast ? 'Connection: close\r\n\r\n' : staying
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${SECURITY}${fields}content-length: ${lengthOf(body)}\r\n${dateLine()}${end}`
    write(socket, head, body)
  }
}

function brokenAnswer(): string {
  const { status, headers, body } = describeProblem(INTERNAL_ERROR)
  const fields = fieldsOf({
    ...headers,
    connection: 'close',
    'content-length': String(Buffer.byteLength(body)),
  })
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${SECURITY}${fields}\r\n${body}`
}

/** Undefined when one of them cannot stand in a head. */
function fieldsOf(headers: TaskAnswer['headers']): string | undefined {
  let fields = ''
  let values = ''
  for (const name in headers) {
    fields += `${name}: ${headers[name]}\r\n`
    values += headers[name]
  }
  return UNFIT.test(values) ? undefined : fields
}

/** Made once a second. */
function createDateLine(): () => string {
  let second = -1
  let line = ''
  return () => {
    const now = Math.floor(Date.now() / 1000)
    if (now !== second) {
      second = now
      line = `Date: ${new Date(now * 1000).toUTCString()}\r\n`
    }
    return line
  }
}

function write(socket: Socket, head: string, body: TaskAnswer['body']): void {
  if (typeof body === 'string') return void socket.write(head + body, 'utf8')
  const pieces = body instanceof Uint8Array ? [body] : body
  if (lengthOf(pieces) <= ONE_WRITE_BYTES) return void socket.write(head + latin1Of(pieces), 'latin1')
  socket.cork()
  socket.write(head, 'latin1')
  for (const piece of pieces) socket.write(piece)
  socket.uncork()
}
