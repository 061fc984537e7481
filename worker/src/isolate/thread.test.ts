/** `isolation: 'thread'` on a whole worker: what a thread may do to itself, and that nobody else notices. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { startTestWorker, type TestWorker } from '../fixtures/test-worker.ts'

const THREAD = `import { defineFunction, NonRetryable, bytes } from '@berth/worker'
import { threadId } from 'node:worker_threads'
import { z } from 'zod'
let setups = 0
const shared = new BroadcastChannel('berth-thread-test')
shared.unref()
export default defineFunction({
  input: z.looseObject({ do: z.string() }),
  config: { isolation: 'thread', supportsStreaming: true, maxRetries: MAX_RETRIES },
  setup({ env }) { setups++; if (env.BROKEN === 'yes') throw new Error('no GPU') },
  async handler(input, ctx) {
    if (input.do === 'where') return { threadId, setups, key: process.env.AUTH_KEY ?? null }
    if (input.do === 'loop') { shared.postMessage('looping'); for (;;) {} }
    if (input.do === 'obey') { await new Promise((resolve, reject) => { ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)); shared.postMessage('waiting') }) }
    if (input.do === 'exit') process.exit(3)
    if (input.do === 'memory') { const kept = []; for (;;) kept.push(new Array(1000).fill(0).map(Math.random)) }
    if (input.do === 'later') { setTimeout(() => { throw new Error('thrown in a timer') }, 1); await new Promise(() => {}) }
    if (input.do === 'rejected') { Promise.reject(new Error('left alone')); await new Promise(() => {}) }
    if (input.do === 'throw') throw new NonRetryable('no use')
    if (input.do === 'undefined') throw undefined
    if (input.do === 'retry') { if (ctx.attempt === 1) ctx.retryAfter(1); return ctx.attempt }
    if (input.do === 'bytes') return bytes(Buffer.from('abc'), 'text/csv')
    if (input.do === 'bigint') return 1n
    if (input.do === 'stream') { for (const part of ['a', 'b', 'c']) await ctx.stream(part); ctx.progress(0.5, 'half'); ctx.usage({ inputTokens: 12 }); ctx.source({ url: 'https://example.org' }); ctx.message({ role: 'assistant' }); ctx.log.info('a line', { at: 3, f() {} }); console.log('said', 'so'); return 'done' }
    if (input.do === 'tell') { const wrong = []; for (const tell of [() => ctx.usage({ n: -1 }), () => ctx.source({}), () => ctx.message(1)]) try { tell() } catch (error) { wrong.push(error.name) } return { wrong, turns: ctx.turns, none: [ctx.session, ctx.budget].every((each) => each === undefined) } }
    if (input.do === 'file') await ctx.file('a.txt', 'a', 'text/plain')
    if (input.do === 'call') return [await ctx.call('plain'), await ctx.call('unknown').catch((error) => error.code)]
    if (input.do === 'facts') return { run: ctx.runId, attempt: ctx.attempt, tags: ctx.tags, env: ctx.env, left: ctx.deadline.getTime() - Date.now(), type: ctx.contentType, body: ctx.body ? await ctx.body.text() : null }
    return input
  },
})`

const source = (maxRetries = 0) => THREAD.replace('MAX_RETRIES', String(maxRetries))
const PLAIN = `import { defineFunction } from '@berth/worker'
export default defineFunction({ handler: () => 'here' })`

let worker: TestWorker
const channel = new BroadcastChannel('berth-thread-test')

before(async () => {
  worker = await startTestWorker(
    { SLOTS: '2', TAGS: 'gpu=h200' },
    {
      'functions/thread.ts': source(),
      'functions/again.ts': source(2),
      'functions/plain.ts': PLAIN,
    },
    { env: { REGION: 'eu' } },
  )
})
after(async () => {
  channel.close()
  await worker[Symbol.asyncDispose]()
})

async function ask(what: string, more: object = {}, name = 'thread') {
  const response = await worker.task({ function: name, input: { do: what }, ...more })
  const body = (await response.json()) as { result?: unknown; code?: string; detail?: string }
  return { status: response.status, ...body }
}

const heard = (): Promise<unknown> => once(channel as never, 'message')

describe('a function in a thread', () => {
  it('runs apart, is set up once there, and does not see the keys of the worker', async () => {
    const first = (await ask('where')).result as { threadId: number; setups: number; key: null }
    assert.ok(first.threadId > 0)
    assert.deepEqual([first.setups, first.key], [1, null])
    assert.deepEqual((await ask('where')).result, first, 'the thread stays for the next call')
  })

  it('has a context that crosses', async () => {
    const { result } = (await ask('facts', { timeout: 5000 })) as { result: Record<string, unknown> }
    const { run, left, ...rest } = result
    assert.match(String(run), /^r_/)
    assert.ok(Number(left) > 3000 && Number(left) <= 5000, String(left))
    assert.deepEqual(rest, {
      attempt: 1,
      tags: { gpu: 'h200' },
      env: { REGION: 'eu' },
      type: 'application/json',
      body: null,
    })
  })

  it('streams, reports and logs as itself', async () => {
    const response = await worker.task(
      { function: 'thread', input: { do: 'stream' }, mode: 'stream' },
      { headers: { accept: 'text/event-stream' } },
    )
    const text = await response.text()
    const events = [...text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, event, data]) => [
      event,
      event === 'log' ? (JSON.parse(data ?? '').text as string) : data,
    ])
    assert.deepEqual(events, [
      ['chunk', '{"text":"a"}'],
      ['chunk', '{"text":"b"}'],
      ['chunk', '{"text":"c"}'],
      ['progress', '{"fraction":0.5,"text":"half"}'],
      ['log', 'a line'],
      ['log', 'said so'],
      ['result', '"done"'],
    ])
    const line = worker.running.parts.log.entries().findLast((entry) => entry.text === 'a line')
    assert.deepEqual([line?.source, line?.at], ['thread', line?.at])
  })

  it('has the rest of the context, checked where it is used', async () => {
    const { result } = await ask('tell')
    assert.deepEqual(result, { wrong: ['TypeError', 'TypeError', 'TypeError'], turns: [], none: true })
    const refused = await ask('file', {}, 'again')
    assert.deepEqual([refused.status, refused.code], [500, 'FUNCTION_FAILED'])
    assert.match(refused.detail ?? '', /^ctx\.file: files are kept by a balancer/)
  })

  it('returns bytes, and says what cannot be written', async () => {
    const headers = { 'content-type': 'application/json' }
    const response = await worker.send('/task/default/thread', { body: '{"do":"bytes"}', headers })
    assert.deepEqual([response.headers.get('content-type'), await response.text()], ['text/csv', 'abc'])
    assert.equal((await ask('bigint')).code, 'RESULT_UNSERIALISABLE')
  })

  it('fails as others do', async () => {
    const failure = await ask('throw', {}, 'again')
    assert.deepEqual([failure.status, failure.code, failure.detail], [500, 'FUNCTION_FAILED', 'no use'])
    assert.equal((await ask('undefined')).detail, 'undefined was thrown')
    assert.equal((await ask('retry', {}, 'again')).result, 2)
  })

  it('calls other functions', async () => {
    assert.deepEqual((await ask('call')).result, ['here', 'UNKNOWN_FUNCTION'])
  })

  it('obeys its signal, and its thread goes on', async () => {
    const { threadId } = (await ask('where')).result as { threadId: number }
    const failure = await ask('obey', { timeout: 50 })
    assert.deepEqual([failure.status, failure.code], [504, 'TIMEOUT'])
    assert.equal(((await ask('where')).result as { threadId: number }).threadId, threadId)
  })

  it('A14, A16: an endless loop ends by its timeout while the worker answers and others run', async () => {
    const looping = heard()
    const loop = ask('loop', { timeout: 100 })
    await looping
    assert.equal((await worker.task({ function: 'plain' })).status, 200)
    const failure = await loop
    assert.deepEqual([failure.status, failure.code], [504, 'TIMEOUT'])
    assert.doesNotMatch(failure.detail ?? '', /slot/)
    const { used, stuck } = worker.running.parts.intake
    assert.deepEqual([used, stuck], [0, 0])
    assert.equal((await ask('hello')).status, 200, 'its thread was replaced')
  })

  it('ends when the caller leaves, loop or not', async () => {
    const looping = heard()
    const controller = new AbortController()
    const request = worker.task({ function: 'thread', input: { do: 'loop' } }, { signal: controller.signal })
    await looping
    controller.abort()
    await assert.rejects(request)
    await worker.running.parts.intake.whenIdle()
  })

  for (const [what, says] of [
    ['exit', /ended its thread with exit code 3/],
    ['later', /thrown in a timer/],
    ['rejected', /left alone/],
  ] as const)
    it(`A15, A18: "${what}" fails its own attempt only`, async () => {
      const waiting = heard()
      const bystander = ask('obey', { timeout: 1000 })
      await waiting
      const failure = await ask(what)
      assert.deepEqual([failure.status, failure.code], [500, 'FUNCTION_FAILED'])
      assert.match(failure.detail ?? '', says)
      assert.equal((await ask('hello')).status, 200)
      assert.equal((await bystander).code, 'TIMEOUT', 'the other thread ran to its own end')
    })

  it('keeps no more threads than slots', async () => {
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => ask(name)))
    assert.ok(worker.running.parts.runners.threads <= 2)
  })
})

describe('a thread that cannot be made ready', () => {
  it('is no attempt: 503 with the reason', async () => {
    const broken = await startTestWorker({}, { 'functions/thread.ts': source(2) }, { env: { BROKEN: 'yes' } })
    try {
      const response = await broken.task({ function: 'thread', input: { do: 'where' } })
      const body = (await response.json()) as { code: string; detail: string }
      assert.deepEqual([response.status, body.code], [503, 'NO_CAPACITY'])
      assert.match(body.detail, /no GPU/)
      assert.match(response.headers.get('retry-after') ?? '', /^\d+$/)
    } finally {
      await broken[Symbol.asyncDispose]()
    }
  })
})
