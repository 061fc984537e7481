/** The test kit does to a function what a worker does. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytes, defineCommand, defineFunction, NonRetryable } from '@berth/worker'
import { runFunction } from '@berth/worker/testing'
import { z } from 'zod'

describe('runFunction', () => {
  const greet = defineFunction({
    input: z.object({ name: z.string().default('World') }),
    output: z.object({ message: z.string() }),
    config: { supportsStreaming: true },
    async handler({ name }, ctx) {
      await ctx.stream(`Hello ${name}`)
      await ctx.stream(Uint8Array.of(0xff, 0xfe))
      ctx.progress(0.5, 'half')
      ctx.log.info('greeting', { name })
      return { message: `Hello ${name}!` }
    },
  })

  it('gives result, chunks, lines and progress', async () => {
    const run = await runFunction(greet, { name: 'Ada' }, { runId: 'r_1' })
    assert.deepEqual(
      [run.outcome, run.result, run.error],
      ['completed', { message: 'Hello Ada!' }, undefined],
    )
    assert.deepEqual(run.chunks, ['Hello Ada', Uint8Array.of(0xff, 0xfe)])
    assert.deepEqual(run.progress, [{ fraction: 0.5, text: 'half' }])
    assert.partialDeepStrictEqual(run.logs, [{ level: 'info', text: 'greeting', name: 'Ada', run: 'r_1' }])
    assert.deepEqual((await runFunction(greet)).result, { message: 'Hello World!' })
  })

  it('refuses an input as a worker does, and does not call the handler', async () => {
    const { outcome, error, result } = await runFunction(greet, { name: 7, other: 1 })
    assert.deepEqual([outcome, error?.code, result], ['refused', 'INVALID_INPUT', undefined])
    assert.deepEqual(
      error?.errors?.map(({ pointer }) => pointer),
      ['/input/other'],
    )
  })

  it('tells a failure, and whether it may be repeated', async () => {
    const failing = defineFunction({
      params: { final: { type: 'boolean', default: false } },
      handler({ final }) {
        if (final) throw new NonRetryable('never')
        throw new Error('not now')
      },
    })
    const { outcome, error } = await runFunction(failing)
    assert.deepEqual([outcome, error], ['failed', { code: 'FUNCTION_FAILED', message: 'not now' }])
    assert.equal((await runFunction(failing, { final: true })).error?.nonRetryable, true)
  })

  it('holds a result against the output schema and against JSON', async () => {
    const wrong = defineFunction({ output: z.number(), handler: () => 'text' })
    assert.match((await runFunction(wrong)).error?.message ?? '', /output schema/)
    const big = defineFunction({ handler: () => 1n })
    assert.equal((await runFunction(big)).error?.code, 'RESULT_UNSERIALISABLE')
    const dates = await runFunction(defineFunction({ handler: () => ({ at: new Date(0) }) }))
    assert.deepEqual(dates.result, { at: '1970-01-01T00:00:00.000Z' }, 'as it travels')
  })

  it('takes bytes and gives bytes', async () => {
    const upper = defineFunction({
      handler: async (_input, { body, contentType }) =>
        bytes(((await body?.text()) ?? '').toUpperCase(), contentType),
    })
    const { result } = await runFunction(upper, {}, { body: 'quiet', contentType: 'text/plain' })
    const { mediaType, bytes: given } = result as { mediaType: string; bytes: Uint8Array }
    assert.deepEqual([mediaType, Buffer.from(given).toString()], ['text/plain', 'QUIET'])
  })

  it('gives a session and its earlier turns, as if they had travelled', async () => {
    const chat = defineFunction({ handler: (_input, { session, turns }) => ({ session, turns }) })
    const turns = [{ input: { at: new Date(0) }, output: 1 }]
    const { result } = await runFunction(chat, {}, { session: 's-1', turns })
    const at = '1970-01-01T00:00:00.000Z'
    assert.deepEqual(result, { session: 's-1', turns: [{ input: { at }, output: 1 }] })
  })

  it('names the session to a command', async () => {
    const args = ['-p', 'JSON.stringify(process.env.BERTH_SESSION ?? null)']
    const command = defineCommand({ command: process.execPath, args })
    assert.equal((await runFunction(command, {}, { session: 's-1' })).result, 's-1')
    assert.equal((await runFunction(command)).result, null)
  })

  it('keeps what is told of usage, sources and messages, and says what is wrong with it', async () => {
    const tell = defineFunction({
      async handler(_input, ctx) {
        const { usage, source, message, session, turns, budget } = ctx
        usage({ inputTokens: 12, costUsd: 0.002, outputTokens: undefined })
        usage({ steps: 1 })
        source({ url: 'https://example.org/a', title: 'A'.repeat(2_000) })
        message('done')
        message({ role: 'assistant', content: [1] })
        const kept = { n: 1 }
        message(kept)
        kept.n = 2
        const wrong: unknown[] = []
        for (const attempt of [
          () => usage({ tokens: Number.NaN }),
          () => usage({ tokens: -1 }),
          () => usage({ '': 1 }),
          () => usage(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`n${i}`, i]))),
          () => usage([1] as never),
          () => source({ url: 'javascript:alert(1)' }),
          () => source({ url: `https://example.org/${'a'.repeat(2_048)}` }),
          () => source(undefined as never),
          () => message(7 as never),
          () => message({ big: 1n }),
          () => message('x'.repeat(65_536)),
        ])
          try {
            attempt()
          } catch (error) {
            wrong.push((error as Error).name)
          }
        return [wrong, session === undefined, turns, budget === undefined]
      },
    })
    const { result, usage, sources, messages, error } = await runFunction(tell)
    assert.equal(error, undefined)
    const [wrong, ...rest] = result as unknown[]
    assert.deepEqual(wrong, Array(11).fill('TypeError'))
    assert.deepEqual(rest, [true, [], true])
    assert.deepEqual(usage, [{ inputTokens: 12, costUsd: 0.002 }, { steps: 1 }])
    assert.deepEqual(sources, [{ url: 'https://example.org/a', title: 'A'.repeat(1_024) }])
    assert.deepEqual(messages, ['done', { role: 'assistant', content: [1] }, { n: 1 }])
  })

  it('keeps what is written, and gives what came along', async () => {
    const copy = defineFunction({
      async handler(_input, { file, files }) {
        const [first] = files.list()
        const found = await files.read('in/a.txt')
        await file('a.txt', 'once')
        await file('a.txt', await found.text())
        await file('pieces.bin', found.stream())
        await file('blob', new Blob(['<b>'], { type: 'text/html' }))
        const wrong = await file('../x', 'no').catch((error) => error.name)
        const none = await files.read('b').catch((error) => error.message)
        // Not waited for, and part of the run all the same.
        void file(
          'late.txt',
          (async function* () {
            yield 'la'
            yield 'te'
          })(),
        )
        return [first, wrong, none]
      },
    })
    const given = { path: 'in/a.txt', data: 'hello', mediaType: 'text/plain' }
    const { result, files, error } = await runFunction(copy, {}, { files: [given] })
    assert.equal(error, undefined)
    assert.deepEqual(result, [
      { path: 'in/a.txt', mediaType: 'text/plain', size: 5 },
      'TypeError',
      'ctx.files: no file "b" came with the task; it brought 1',
    ])
    assert.deepEqual(
      files.map(({ path, mediaType, data }) => [path, mediaType, Buffer.from(data).toString()]),
      [
        ['a.txt', 'text/plain; charset=utf-8', 'hello'],
        ['pieces.bin', 'application/octet-stream', 'hello'],
        ['blob', 'text/html', '<b>'],
        ['late.txt', 'application/octet-stream', 'late'],
      ],
    )
  })

  it('gives the context that the test asks for, and keeps its secrets', async () => {
    const show = defineFunction({
      handler(_input, ctx) {
        ctx.log.warn(`token ${ctx.env.TOKEN}`)
        return [ctx.attempt, ctx.fence, ctx.tags, ctx.env, ctx.trace, ctx.contentType]
      },
    })
    const { result, logs } = await runFunction(
      show,
      {},
      { attempt: 3, fence: 9, tags: { gpu: 'h200' }, env: { TOKEN: 'tok-1234' }, trace: '00-a-b-01' },
    )
    assert.deepEqual(result, [3, 9, { gpu: 'h200' }, { TOKEN: 'tok-1234' }, '00-a-b-01', 'application/json'])
    assert.equal(logs[0]?.text, 'token ***')
  })

  it('answers calls of other functions, and keeps them', async () => {
    const doubling = defineFunction({
      async handler(_input, ctx) {
        const first = await ctx.call('add', { a: 1 })
        return [first, await ctx.call('fail').catch(({ message }) => message)]
      },
    })
    const { result, calls } = await runFunction(
      doubling,
      {},
      {
        call(name, input) {
          if (name === 'fail') throw new Error('it failed')
          return { ...input, sum: 3 }
        },
      },
    )
    assert.deepEqual(result, [{ a: 1, sum: 3 }, 'it failed'])
    assert.deepEqual(calls, [
      { function: 'add', input: { a: 1 } },
      { function: 'fail', input: {} },
    ])
    const { outcome, error } = await runFunction(doubling)
    assert.equal(outcome, 'failed')
    assert.match(error?.message ?? '', /`call`/)
  })

  it('ends what takes too long, and what its caller leaves', async () => {
    const waiting = defineFunction({
      handler: (_input, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    })
    const late = await runFunction(waiting, {}, { timeout: 5 })
    assert.deepEqual([late.outcome, late.error?.code], ['timeout', 'TIMEOUT'])
    const leaving = new AbortController()
    const run = runFunction(waiting, {}, { signal: leaving.signal })
    leaving.abort()
    assert.deepEqual((await run).outcome, 'cancelled')
    const gone = await runFunction(waiting, {}, { signal: AbortSignal.abort() })
    assert.equal(gone.outcome, 'cancelled')
    const deaf = await runFunction(
      defineFunction({ handler: () => new Promise(() => {}) }),
      {},
      { timeout: 5 },
    )
    assert.equal(deaf.outcome, 'timeout')
  })

  it('runs setup first, and tells when it fails', async () => {
    const order: string[] = []
    const prepared = defineFunction({
      setup: async ({ env }) => void order.push(`setup ${env.MODEL}`),
      handler: () => void order.push('handler'),
    })
    assert.equal((await runFunction(prepared, {}, { env: { MODEL: 'small' } })).outcome, 'completed')
    assert.deepEqual(order, ['setup small', 'handler'])
    const unprepared = defineFunction({
      setup() {
        throw new Error('no model')
      },
      handler: () => 1,
    })
    const { outcome, error } = await runFunction(unprepared)
    assert.equal(outcome, 'refused')
    assert.match(error?.message ?? '', /no model/)
  })

  it('throws on a definition that a worker would not load', async () => {
    await assert.rejects(
      runFunction(defineFunction({ config: { slots: 0 }, handler: () => 1 })),
      /config\.slots/,
    )
  })
})
