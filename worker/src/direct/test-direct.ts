/** Submits direct tasks without HTTP. Not part of the product. */
import assert from 'node:assert/strict'
import type { OutcomeError } from '@berth/protocol'
import type { Emitter } from '../stream/emitter.ts'
import type { Reply } from '../stream/reply.ts'
import type { TestParts } from '../test-parts.ts'
import { DirectOrder, type DirectSpec } from './direct-order.ts'

/** What one task told its caller. */
export interface DirectTask {
  readonly order: DirectOrder
  /** The result's text; rejects when it failed. */
  readonly ended: Promise<string>
  /** The error; rejects when it completed. */
  readonly failed: Promise<OutcomeError>
}

export function makeDirect(parts: TestParts, emitter?: Emitter) {
  let runs = 0
  const submit = (name: string, more: Partial<DirectSpec> & { hasLeft?: boolean } = {}): DirectTask => {
    const done = Promise.withResolvers<{ text: string } | { error: OutcomeError }>()
    const { hasLeft = false, ...spec } = more
    const reply: Reply = {
      emitter,
      hasLeft,
      answered: Promise.resolve(undefined),
      accept() {},
      complete: ({ bytes }) => done.resolve({ text: Buffer.from(bytes).toString() }),
      fail: (error) => done.resolve({ error }),
    }
    const fn = parts.registry.get(name) ?? assert.fail(name)
    const order = new DirectOrder(
      parts,
      {
        function: fn,
        input: {},
        run: `r_${++runs}`,
        priority: 100,
        timeoutMs: fn.timeoutMs ?? parts.limits.defaultTimeoutMs,
        remainingMs: null,
        ...spec,
      },
      reply,
    )
    order.submit()
    const ended = done.promise.then((told) => ('text' in told ? told.text : assert.fail(told.error.message)))
    const failed = done.promise.then((told) => ('error' in told ? told.error : assert.fail(told.text)))
    for (const promise of [ended, failed]) promise.catch(() => {})
    return { order, ended, failed }
  }
  return { parts, submit }
}

/** Promises settle. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => process.nextTick(resolve))
}
