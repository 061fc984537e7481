/**
 * What a handler gets beside its input. Made by `attempt.ts`, once an attempt.
 * The signal's controller is made when somebody first asks for it, since most handlers never do.
 */
import type { Tags } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import type { Context, ContextLog } from './define.ts'

/** The part of a task that its handler may see. */
export interface ContextFacts {
  readonly run: string
  readonly attempt: number
  readonly fence: number
  readonly trace: string
  readonly contentType: string
  readonly functionName: string
}

export interface ContextPorts {
  readonly log: Log
  readonly tags: () => Tags
}

export class AttemptContext implements Context {
  readonly runId: string
  readonly attempt: number
  readonly fence: number
  readonly trace: string
  readonly contentType: string
  readonly deadline: Date
  readonly #facts: ContextFacts
  readonly #ports: ContextPorts
  #controller: AbortController | undefined
  #reason: Error | undefined
  #log: ContextLog | undefined

  constructor(facts: ContextFacts, deadline: Date, ports: ContextPorts) {
    this.runId = facts.run
    this.attempt = facts.attempt
    this.fence = facts.fence
    this.trace = facts.trace
    this.contentType = facts.contentType
    this.deadline = deadline
    this.#facts = facts
    this.#ports = ports
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#reason) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  get tags(): Tags {
    return this.#ports.tags()
  }

  get log(): ContextLog {
    this.#log ??= this.#ports.log.child({ source: this.#facts.functionName, run: this.#facts.run })
    return this.#log
  }

  // Only stream mode and durable runs have readers of chunks and progress, and neither is here yet.
  async stream(_chunk: string | Uint8Array): Promise<void> {}

  progress(_fraction: number, _text?: string): void {}

  /** Not for handlers: fires the signal. */
  static abort(context: AttemptContext, reason: Error): void {
    context.#reason ??= reason
    context.#controller?.abort(context.#reason)
  }
}
