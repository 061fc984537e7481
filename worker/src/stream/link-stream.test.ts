/** Chunks, lines, progress and bytes over a link, both ends in memory under a manual clock. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DATA_KIND, LIMITS, TASK_FLAG } from '@berth/protocol'
import { z } from 'zod'
import { bytes } from '../bytes/bytes.ts'
import { makeParts, TestFleet, type TestLink } from '../fixtures/test-parts.ts'
import { type Context, defineFunction } from '../functions/define.ts'

interface Scripted {
  readonly fleet: TestFleet
  readonly link: TestLink
}

/** `f` streams, `plain` does not; both run the handler. */
function make(handler: (input: Record<string, unknown>, ctx: Context) => unknown): Scripted {
  const input = z.looseObject({})
  const functions = {
    f: defineFunction({ input, config: { supportsStreaming: true }, handler }),
    plain: defineFunction({ input, handler }),
  }
  const fleet = new TestFleet(makeParts({ slots: 2, functions }))
  return { fleet, link: fleet.link() }
}

const STREAM = { mode: 'stream' } as const
const DURABLE = { mode: 'async', flags: TASK_FLAG.DURABLE } as const

function textOf(link: TestLink, kind: number = DATA_KIND.chunk): string {
  return Buffer.concat(
    link.pieces.filter((piece) => piece.kind === kind).map((piece) => piece.bytes),
  ).toString()
}

const linesOf = (link: TestLink) =>
  link.pieces
    .filter(({ kind }) => kind === DATA_KIND.log)
    .map((piece) => (JSON.parse(Buffer.from(piece.bytes).toString()) as { text: string }).text)

/** A run that is started again on a new link. */
function adopted(
  fleet: TestFleet,
  old: TestLink,
  adopt: { run: string; fence: number; task: number }[],
): TestLink {
  old.cut()
  const next = fleet.dial()
  next.welcome({ adopt })
  return next
}

describe('a stream over the link', () => {
  it('sends chunks, progress and lines in order, and the result behind them', async () => {
    const { fleet, link } = make(async (_input, { stream, progress, log, usage, source, message }) => {
      await stream('one ')
      progress(0.5)
      usage({ inputTokens: 12 })
      source({ url: 'https://example.org' })
      usage({ outputTokens: 3, costUsd: 0.1 })
      message('dropped')
      log.info('a line')
      await stream(Buffer.from('two'))
      return 'done'
    })
    link.task(1, 'f', {}, STREAM)
    await fleet.settle()
    assert.equal(textOf(link), 'one two')
    assert.deepEqual(
      link.pieces.map(({ kind }) => kind),
      [DATA_KIND.chunk, DATA_KIND.progress, DATA_KIND.log, DATA_KIND.chunk, DATA_KIND.usage],
      'usage of one tick once, as its total',
    )
    const used = { inputTokens: 12, totalTokens: 15, outputTokens: 3, costUsd: 0.1 }
    assert.deepEqual(JSON.parse(textOf(link, DATA_KIND.usage)), used)
    assert.deepEqual(JSON.parse(textOf(link, DATA_KIND.progress)), { fraction: 0.5 })
    assert.deepEqual(linesOf(link), ['a line'])
    assert.deepEqual(link.records(), ['STARTED 1', ...Array(5).fill('DATA 1'), 'END 1 completed'])
    assert.equal(link.outcomes.get(1)?.result, '"done"')
  })

  it('is refused by a function that makes none', async () => {
    const { fleet, link } = make(() => 1)
    link.task(1, 'plain', {}, STREAM)
    await fleet.settle()
    assert.equal(link.outcomes.get(1)?.header.error?.code, 'INVALID_REQUEST')
  })

  it('sends nothing on the way of a sync task in memory', async () => {
    const { fleet, link } = make(async (_input, { stream, progress, log }) => {
      await stream('dropped')
      progress(1)
      log.info('kept here')
    })
    link.task(1, 'f')
    await fleet.settle()
    assert.deepEqual(link.pieces, [])
  })

  it('holds the handler back until the balancer gives credit', async () => {
    let made = 0
    const { fleet, link } = make(async (_input, { stream }) => {
      for (; made < 20; made++) await stream(Buffer.alloc(64 * 1024, 'x'))
    })
    link.task(1, 'f', {}, STREAM)
    await fleet.settle()
    // A window is with the balancer, less than another one waits here.
    assert.equal(textOf(link).length, LIMITS.windowBytes)
    assert.equal(made, 7)
    assert.equal(link.outcomes.size, 0)
    for (let n = 0; n < 20 && link.outcomes.size === 0; n++) {
      link.credit(1, LIMITS.windowBytes)
      await fleet.settle()
    }
    assert.equal(textOf(link).length, 20 * 64 * 1024)
    assert.deepEqual(link.outcomes.get(1)?.header.outcome, 'completed')
  })

  it('delays no other task on the link', async () => {
    const { fleet, link } = make(async (input, { stream }) => {
      for (let n = 0; n < 20 && input.big; n++) await stream(Buffer.alloc(64 * 1024))
      await stream('small')
    })
    link.task(1, 'f', { big: true }, STREAM)
    await fleet.settle()
    link.task(2, 'f', {}, STREAM)
    await fleet.settle()
    assert.equal(link.outcomes.get(2)?.header.outcome, 'completed')
    assert.equal(link.outcomes.has(1), false)
  })

  it('is cancelled without waiting for credit', async () => {
    const { fleet, link } = make(async (_input, { stream, signal }) => {
      while (!signal.aborted) await stream(Buffer.alloc(64 * 1024))
      signal.throwIfAborted()
    })
    link.task(1, 'f', {}, STREAM)
    await fleet.settle()
    link.cancel(1)
    await fleet.settle()
    assert.equal(link.outcomes.get(1)?.header.outcome, 'cancelled')
    assert.equal(fleet.parts.intake.used, 0)
  })

  it('is aborted when its handler runs far ahead of the balancer', async () => {
    const { fleet, link } = make(async (_input, { stream, signal }) => {
      for (let n = 0; n < 100 && !signal.aborted; n++) void stream(Buffer.alloc(64 * 1024))
      signal.throwIfAborted()
    })
    link.task(1, 'f', {}, STREAM)
    await fleet.settle()
    link.credit(1, LIMITS.windowBytes)
    for (let n = 0; n < 10; n++) {
      link.credit(1, LIMITS.windowBytes)
      await fleet.settle()
    }
    const { header } = link.outcomes.get(1) ?? assert.fail()
    assert.deepEqual(
      [header.outcome, header.error?.message],
      ['cancelled', 'The caller stopped reading the stream'],
    )
  })

  it('ends with its link once a chunk has left, and goes on before', async () => {
    const signals: AbortSignal[] = []
    const { fleet, link } = make(async (input, { stream, signal }) => {
      signals.push(signal)
      if (input.speaks) await stream('heard by nobody knows whom')
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    link.task(1, 'f', { speaks: true }, STREAM)
    link.task(2, 'f', {}, STREAM)
    await fleet.settle()
    link.cut()
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    )
    await fleet.settle()
    assert.equal(fleet.parts.intake.used, 1)
  })

  it('keeps what it makes while its link is away, and waits', async () => {
    const go = Promise.withResolvers<void>()
    let made = 0
    const { fleet, link } = make(async (_input, { stream }) => {
      await go.promise
      for (; made < 3; made++) await stream(`${made} `)
    })
    link.task(1, 'f', {}, { ...STREAM, fence: 5 })
    await fleet.settle()
    link.cut()
    go.resolve()
    await fleet.settle()
    assert.equal(made, 0)
    const next = adopted(fleet, link, [{ run: 'r_1', fence: 5, task: 9 }])
    await fleet.settle()
    assert.equal(textOf(next), '0 1 2 ')
    assert.equal(next.outcomes.get(9)?.header.outcome, 'completed')
  })

  it('is lost, not completed, when its chunks and its END left over a link that broke', async () => {
    const { fleet, link } = make(async (_input, { stream }) => {
      await stream('heard by nobody knows whom')
      return 'done'
    })
    link.task(1, 'f', {}, { ...STREAM, fence: 5 })
    link.task(2, 'f', {}, { ...STREAM, fence: 6, run: 'r_2' })
    await fleet.settle()
    assert.equal(link.outcomes.get(1)?.header.outcome, 'completed')
    const next = adopted(fleet, link, [{ run: 'r_1', fence: 5, task: 9 }])
    await fleet.settle()
    const { header } = next.outcomes.get(9) ?? assert.fail()
    assert.deepEqual([header.outcome, header.error?.code], ['lost', 'WORKER_LOST'])
    assert.match(header.error?.message ?? '', /made on the way may be lost/)
    assert.equal(fleet.parts.intake.used, 0)
  })

  it('is completed by another link when it made nothing on the way', async () => {
    const { fleet, link } = make(() => 'done')
    link.task(1, 'f', {}, { ...STREAM, fence: 5 })
    await fleet.settle()
    const next = adopted(fleet, link, [{ run: 'r_1', fence: 5, task: 9 }])
    await fleet.settle()
    assert.equal(next.outcomes.get(9)?.header.outcome, 'completed')
  })

  it('is not completed by a handler that overhears that its chunks were lost', async () => {
    const go = Promise.withResolvers<void>()
    const { fleet, link } = make(async (_input, { stream }) => {
      await stream('one ')
      await go.promise
      await stream('two ')
      return 'done'
    })
    link.task(1, 'f', {}, { ...STREAM, fence: 5 })
    await fleet.settle()
    const next = adopted(fleet, link, [{ run: 'r_1', fence: 5, task: 9 }])
    go.resolve()
    await fleet.settle()
    assert.equal(next.outcomes.get(9)?.header.outcome, 'lost')
  })
})

describe('a durable run over the link', () => {
  it('sends chunks, lines and progress whatever its mode', async () => {
    const { fleet, link } = make(async (_input, { stream, progress, log }) => {
      await stream('chunk')
      progress(1, 'all')
      log.warn('line')
    })
    link.task(1, 'plain', {}, DURABLE)
    await fleet.settle()
    assert.deepEqual(
      link.pieces.map(({ kind }) => kind),
      [DATA_KIND.chunk, DATA_KIND.progress, DATA_KIND.log],
    )
  })

  it('goes on without its link, keeps the newest of what it makes, and tells of the gap', async () => {
    const go = Promise.withResolvers<void>()
    const { fleet, link } = make(async (_input, { stream }) => {
      await stream('before')
      await go.promise
      for (let n = 0; n < 8; n++) await stream(Buffer.alloc(64 * 1024, String(n)))
      return 'done'
    })
    link.task(1, 'plain', {}, { ...DURABLE, fence: 5 })
    await fleet.settle()
    link.cut()
    go.resolve()
    await fleet.settle()
    assert.equal(fleet.parts.intake.used, 0, 'nothing held it back')
    const next = adopted(fleet, link, [{ run: 'r_1', fence: 5, task: 9 }])
    await fleet.settle()
    assert.match(linesOf(next)[0] ?? '', /before this may be missing/)
    for (let n = 0; n < 5; n++) {
      next.credit(9, LIMITS.windowBytes)
      await fleet.settle()
    }
    assert.deepEqual([...new Set(textOf(next))], ['4', '5', '6', '7'])
    assert.equal(next.outcomes.get(9)?.result, '"done"')
  })

  it('tells of the gap that a broken link may have left, also when it has ended', async () => {
    const { fleet, link } = make(async (_input, { stream }) => {
      await stream('heard by nobody knows whom')
      return 'done'
    })
    link.task(1, 'plain', {}, { ...DURABLE, fence: 5 })
    await fleet.settle()
    const next = adopted(fleet, link, [{ run: 'r_1', fence: 5, task: 9 }])
    await fleet.settle()
    assert.match(linesOf(next)[0] ?? '', /before this may be missing/)
    assert.equal(next.outcomes.get(9)?.result, '"done"')
  })

  it('is never held responsible for a balancer that does not keep up', async () => {
    const { fleet, link } = make(async (_input, { stream, signal }) => {
      for (let n = 0; n < 40; n++) void stream(Buffer.alloc(64 * 1024))
      return signal.aborted
    })
    link.task(1, 'plain', {}, DURABLE)
    for (let n = 0; n < 20; n++) {
      await fleet.settle()
      link.credit(1, LIMITS.windowBytes)
    }
    await fleet.settle()
    assert.equal(link.outcomes.get(1)?.result, 'false')
    assert.ok(textOf(link).length < 40 * 64 * 1024)
  })
})

describe('what a task uses and puts out', () => {
  const usageOf = (link: TestLink) =>
    link.pieces
      .filter(({ kind }) => kind === DATA_KIND.usage)
      .map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()) as unknown)

  it('is told in totals, whatever the mode, the last of them before the end', async () => {
    const { fleet, link } = make(async (_input, { usage, message, source }) => {
      usage({ steps: 1 })
      await Promise.resolve()
      await Promise.resolve()
      usage({ steps: 2, costUsd: 0.2 })
      message('kept nowhere')
      source({ url: 'https://example.org' })
      usage({ costUsd: 0.1 })
    })
    link.task(1, 'plain')
    await fleet.settle()
    assert.deepEqual(usageOf(link), [{ steps: 1 }, { steps: 3, costUsd: 0.3 }])
    assert.deepEqual(link.records(), ['STARTED 1', 'DATA 1', 'DATA 1', 'END 1 completed'])
  })

  it('is told again on another link, whoever is at its end', async () => {
    const go = Promise.withResolvers<void>()
    const { fleet, link } = make(async (_input, { usage, message }) => {
      usage({ steps: 1 })
      await go.promise
      message('away')
      usage({ steps: 1 })
      await new Promise(() => {})
    })
    link.task(1, 'plain', {}, { ...DURABLE, fence: 5 })
    await fleet.settle()
    link.cut()
    const next = adopted(fleet, link, [{ run: 'r_1', fence: 5, task: 9 }])
    await fleet.settle()
    assert.deepEqual(usageOf(next), [{ steps: 1 }])
    next.cut()
    go.resolve()
    await fleet.settle()
    const last = adopted(fleet, next, [{ run: 'r_1', fence: 5, task: 3 }])
    await fleet.settle()
    assert.deepEqual(usageOf(last), [{ steps: 2 }])
    assert.equal(textOf(last, DATA_KIND.message), '"away"')
  })

  it('sends messages and sources of durable runs', async () => {
    const { fleet, link } = make((_input, { message, source }) => {
      message('text')
      message({ role: 'assistant', content: 'more' })
      source({ url: 'https://example.org/a', title: 'A' })
    })
    link.task(1, 'plain', {}, DURABLE)
    await fleet.settle()
    assert.deepEqual(
      link.pieces.map(({ kind, bytes }) => [kind, JSON.parse(Buffer.from(bytes).toString())]),
      [
        [DATA_KIND.message, 'text'],
        [DATA_KIND.message, { role: 'assistant', content: 'more' }],
        [DATA_KIND.source, { url: 'https://example.org/a', title: 'A' }],
      ],
    )
  })
})

describe('bytes over the link', () => {
  it('come in with their type, small or long, with an input or without', async () => {
    const { fleet, link } = make(async (input, { body, contentType }) => {
      const whole = Buffer.from((await body?.bytes()) ?? [])
      return [input, contentType, whole.length, whole.subarray(0, 2).toString('hex')]
    })
    const long = Buffer.alloc(80_000, 0xfe)
    link.task(1, 'f', Buffer.from([0xff, 0xd8]), { mediaType: 'image/JPEG; a=B' })
    link.task(2, 'f', long, { mediaType: 'image/png' })
    const envelope = Buffer.from('{"input":{"w":1}}')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(envelope.length)
    const both = Buffer.concat([length, envelope, long])
    link.task(3, 'f', both, { mediaType: 'image/png', flags: TASK_FLAG.ENVELOPE })
    await untilOutcomes(fleet, link, 3)
    assert.deepEqual(
      [1, 2, 3].map((number) => JSON.parse(link.outcomes.get(number)?.result ?? '')),
      [
        [{}, 'image/JPEG; a=B', 2, 'ffd8'],
        [{}, 'image/png', 80_000, 'fefe'],
        [{ w: 1 }, 'image/png', 80_000, 'fefe'],
      ],
    )
  })

  it('leave as END with their media type', async () => {
    const { fleet, link } = make(() => bytes('\0\x01', 'image/webp'))
    link.task(1, 'f')
    await fleet.settle()
    const outcome = link.outcomes.get(1)
    assert.deepEqual([outcome?.header.mediaType, outcome?.result], ['image/webp', '\0\x01'])
  })

  it('refuse an envelope that says more than there is', async () => {
    const { fleet, link } = make(() => 1)
    const cases = ['', '\0', '\0\0\0\x09{}', '\0\0\0\x01{']
    for (const [index, text] of cases.entries())
      link.task(index + 1, 'f', text, { mediaType: 'image/png', flags: TASK_FLAG.ENVELOPE })
    await fleet.settle()
    assert.deepEqual(
      [...link.outcomes.values()].map(({ header }) => header.error?.code),
      cases.map(() => 'INVALID_REQUEST'),
    )
  })
})

/** Reading a Blob takes turns of the event loop. */
async function untilOutcomes(fleet: TestFleet, link: TestLink, count: number): Promise<void> {
  for (let n = 0; n < 1000 && link.outcomes.size < count; n++) {
    await new Promise((resolve) => setImmediate(resolve))
    await fleet.settle()
  }
}
