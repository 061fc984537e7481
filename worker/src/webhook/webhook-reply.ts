/**
 * A direct task whose result is sent to a webhook: its caller is answered 202 as soon as it waits or runs, and may
 * go away. Driven by the task's order; the result goes to `deliveries.ts`.
 * Invariant: what was answered 202 ends in exactly one delivery, unless the process ends before it.
 */
import type { OutcomeError } from '@berth/protocol'
import type { Result } from '../attempt/result.ts'
import { type Answer, problemOf } from '../http/answer.ts'
import { type Headers, jsonOf, type Reply } from '../stream/reply.ts'
import type { Deliveries, Delivery } from './deliveries.ts'

const MESSAGE =
  'Accepted; the result goes to the webhook. It is kept in memory only: if this worker stops, it is lost'

export interface WebhookTarget {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

export class WebhookReply implements Reply {
  readonly emitter = undefined
  readonly hasLeft = false
  readonly #deliveries: Pick<Deliveries, 'promise' | 'send'>
  readonly #target: WebhookTarget
  readonly #run: string
  readonly #answered = Promise.withResolvers<Answer | undefined>()
  #isAccepted = false
  #isOver = false

  constructor(deliveries: Pick<Deliveries, 'promise' | 'send'>, target: WebhookTarget, run: string) {
    this.#deliveries = deliveries
    this.#target = target
    this.#run = run
  }

  get answered(): Promise<Answer | undefined> {
    return this.#answered.promise
  }

  accept(): void {
    if (this.#isAccepted || this.#isOver) return
    this.#isAccepted = true
    this.#deliveries.promise()
    this.#answered.resolve({
      status: 202,
      headers: { 'content-type': 'application/json', 'x-run-id': this.#run },
      body: JSON.stringify({ success: true, runId: this.#run, message: MESSAGE }),
    })
  }

  complete(result: Result): void {
    this.#send('completed', jsonOf(result))
  }

  fail(error: OutcomeError, headers: Headers): void {
    if (!this.#isAccepted) {
      this.#isOver = true
      return this.#answered.resolve(problemOf(error, headers))
    }
    const { message, code } = error
    this.#send('failed', Buffer.from(JSON.stringify({ success: false, error: message, code })))
  }

  #send(status: Delivery['status'], body: Uint8Array): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#deliveries.send({ run: this.#run, ...this.#target, status, body })
  }
}
