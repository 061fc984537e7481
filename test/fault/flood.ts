/**
 * Callers on bare sockets, for floods: many requests on many connections at a cost that leaves the machine to
 * the balancer under test. Used by the overload tests.
 * Invariant: every request that was sent is counted once, by the status of its answer or as lost.
 */
import { connect, type Socket } from 'node:net'
import type { Scope } from '../harness/scope.ts'

export type Flood = {
  /** Answers by status; 0 counts requests whose connection ended instead. */
  readonly counts: ReadonlyMap<number, number>
  /** The head of one answer of each status. */
  readonly heads: ReadonlyMap<number, string>
  total(): number
  /** Resolves when so many answers have come. */
  reached(count: number): Promise<void>
  /** Sends nothing more. */
  end(): void
}

/** Keeps `connections` busy with the same request, one at a time on each, until it is ended. */
export function startFlood(scope: Scope, port: number, connections: number, request: string): Flood {
  const counts = new Map<number, number>()
  const heads = new Map<number, string>()
  const sockets = new Set<Socket>()
  let total = 0
  let isEnding = false
  let wake: (() => void) | undefined
  const note = (status: number, head = ''): void => {
    counts.set(status, (counts.get(status) ?? 0) + 1)
    if (!heads.has(status)) heads.set(status, head)
    total++
    wake?.()
  }
  const open = (): void => {
    const socket = connect(port, '127.0.0.1')
    sockets.add(socket)
    let rest = ''
    socket.setEncoding('latin1')
    socket.on('connect', () => socket.write(request))
    socket.on('data', (text: string) => {
      const answer = cutAnswer(rest + text)
      rest = answer?.rest ?? rest + text
      if (answer === undefined) return
      note(answer.status, answer.head)
      if (!isEnding) socket.write(request)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      if (isEnding) return
      note(0)
      open()
    })
  }
  const end = (): void => {
    isEnding = true
    for (const socket of sockets) socket.destroy()
  }
  scope.after(end)
  for (let i = 0; i < connections; i++) open()
  return {
    counts,
    heads,
    total: () => total,
    async reached(count) {
      while (total < count) await new Promise<void>((resolve) => (wake = resolve))
    },
    end,
  }
}

export function postText(path: string, key: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** The first whole answer of a text; undefined while there is none. */
function cutAnswer(text: string): { status: number; head: string; rest: string } | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = text.slice(0, end)
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
  const next = end + 4 + length
  if (text.length < next) return undefined
  return { status: Number(head.slice(9, 12)), head, rest: text.slice(next) }
}
