/**
 * Takes plain calls of `POST /task` and `POST /task/{group}/{function}` straight from their connection: Node's own reading and writing of HTTP is a
 * third of what such a call costs, and most callers send nothing else on a connection. Every new connection
 * begins here (shortcut-connection.ts); whatever is not plain goes to Node's server as it came, and so does the
 * rest of that connection. Mounted by server.ts, constructed by compose.
 * Invariant: what is taken here is a call that Node's parser, the hot route and its gate would take as well, and
 * gets the same answer.
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createHeaderCheck, createTurnEnd, type Log } from '@berth/runtime'
import type { Door } from './door.ts'
import { describeProblem, INTERNAL_ERROR } from './problem.ts'
import { createAnswerWriter } from './shortcut-answer.ts'
import { ShortcutConnection, type ShortcutShare } from './shortcut-connection.ts'
import type { ShortcutHead } from './shortcut-head.ts'
import type { TaskReply, Tasks } from './tasks.ts'

export interface ShortcutDeps {
  readonly tasks: Pick<Tasks, 'handle'>
  readonly log: Log
  /** LB_AUTH_KEY. */
  readonly key: string
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
  readonly door: Pick<Door, 'refuse'>
  /** Who has said nothing for so long is waited for by Node's server; 1 s unless given. */
  readonly firstMs?: number
}

/** What the server has for it. */
export interface ShortcutHost {
  handOver(socket: Socket): void
  /** It has sent a whole head. */
  noteHead(socket: Socket): void
  /** An answer was given while nothing new is taken. */
  onAnswered(): void
  readonly keepAliveMs: number
  readonly requestsPerSocket: number
}

const FIRST_MS = 1_000
/** A client may send just as its time ends, and must not meet a closed door then. */
const KEEP_ALIVE_GRACE_MS = 1_000
const NOTHING_TO_END = () => {}

export class Shortcut {
  readonly #deps: ShortcutDeps
  readonly #connections = new Map<Duplex, ShortcutConnection>()
  #share: ShortcutShare | undefined
  #isDraining = false

  constructor(deps: ShortcutDeps) {
    this.#deps = deps
  }

  /** Before the first connection. */
  attach(host: ShortcutHost): void {
    this.#share = this.#createShare(host)
  }

  /** Takes a fresh connection. */
  serve(socket: Socket): void {
    if (this.#share) this.#connections.set(socket, new ShortcutConnection(socket, this.#share))
  }

  /** Gives every connection that waits for nothing to Node's server; the others end with their answer. */
  drain(): void {
    this.#isDraining = true
    for (const connection of [...this.#connections.values()]) connection.drain()
  }

  /** Calls under way. */
  get running(): number {
    let running = 0
    for (const { isBusy } of this.#connections.values()) if (isBusy) running++
    return running
  }

  isBusy(socket: Duplex): boolean {
    return this.#connections.get(socket)?.isBusy ?? false
  }

  ask(socket: Socket): void {
    this.#connections.get(socket)?.ask()
  }

  #createShare(host: ShortcutHost): ShortcutShare {
    const { log, door, key, bodyLimitBytes } = this.#deps
    const { keepAliveMs, requestsPerSocket } = host
    const hasKey = createHeaderCheck(key)
    return {
      isWelcome: ({ authorization, bodyBytes }, socket) =>
        bodyBytes <= bodyLimitBytes && hasKey(socket, authorization),
      mayCome: (bodyBytes) => !this.#isDraining && door.refuse(bodyBytes) === undefined,
      run: (head, body, reply) => this.#run(head, body, reply),
      atTurnEnd: createTurnEnd((error) => log.error('an answer could not be written', { error })),
      write: createAnswerWriter({ keepAliveMs, requestsPerSocket }),
      isDraining: () => this.#isDraining,
      onFirst: (socket) => host.noteHead(socket),
      onAnswered: () => {
        if (this.#isDraining) host.onAnswered()
      },
      onHandOver: (socket) => {
        this.#connections.delete(socket)
        host.handOver(socket)
      },
      onGone: (socket) => this.#connections.delete(socket),
      firstMs: this.#deps.firstMs ?? FIRST_MS,
      idleMs: keepAliveMs + KEEP_ALIVE_GRACE_MS,
      requestsPerSocket,
    }
  }

  #run({ task, target }: ShortcutHead, bytes: Buffer, reply: TaskReply): () => void {
    const { tasks, log } = this.#deps
    try {
      return tasks.handle({ head: task, bytes, target }, reply)
    } catch (error) {
      log.error('a request failed inside', { method: 'POST', error })
      reply.answer(describeProblem(INTERNAL_ERROR))
      return NOTHING_TO_END
    }
  }
}
