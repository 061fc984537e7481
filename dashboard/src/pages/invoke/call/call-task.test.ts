import { describe, expect, it } from 'vitest'
import { type CallNews, type CallOutcome, type CallPorts, callTask } from './call-task.ts'

interface Sent {
  readonly path: string
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: unknown
}

/** A balancer that gives these answers, one after another. */
function balancer(
  ...answers: (Response | ((sent: Sent, signal: AbortSignal) => Response | Promise<Response>))[]
) {
  const sent: Sent[] = []
  const news: CallNews[] = []
  const controller = new AbortController()
  const ask = (async (path: string, init: RequestInit = {}) => {
    const request: Sent = {
      path,
      method: init.method ?? 'GET',
      headers: { ...(init.headers as Record<string, string>) },
      body: typeof init.body === 'string' ? JSON.parse(init.body) : (init.body ?? null),
    }
    sent.push(request)
    const answer = answers.shift()
    if (answer === undefined) throw new Error('no more answers')
    return typeof answer === 'function'
      ? answer(request, init.signal ?? new AbortController().signal)
      : answer
  }) as typeof fetch
  const ports: CallPorts = {
    fetch: ask,
    signal: controller.signal,
    onNews: (one) => news.push(one),
    retryMs: 1,
  }
  const call = (body: Record<string, unknown>): Promise<CallOutcome> => callTask({ body }, ports)
  return { ports, call, sent, news, controller }
}

function events(...blocks: string[]): Response {
  return new Response(blocks.join(''), {
    headers: { 'content-type': 'text/event-stream', 'x-run-id': 'r_1' },
  })
}

const accepted = () => Response.json({ success: true, runId: 'r_1', message: '' }, { status: 202 })

describe('a sync call', () => {
  it('gives the result and what the headers say', async () => {
    const headers = {
      'x-run-id': 'r_1',
      'x-worker': 'w1',
      'x-attempt': '2',
      'server-timing': 'queue;dur=1.5, run;dur=20',
    }
    const { call, sent, news } = balancer(Response.json({ success: true, result: { a: 1 } }, { headers }))
    expect(await call({ function: 'f', input: {} })).toEqual({ ok: true, result: { a: 1 } })
    expect(sent[0]).toMatchObject({
      path: '/task',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    expect(sent[0]?.headers).not.toHaveProperty('accept')
    expect(news).toEqual([
      { kind: 'facts', facts: { runId: 'r_1', worker: 'w1', attempt: 2, timing: { queue: 1.5, run: 20 } } },
    ])
  })

  it('gives the problem with its pointers and when to come again', async () => {
    const errors = [{ pointer: '/input/s', detail: 'is required' }]
    const body = { code: 'INVALID_INPUT', detail: 'wrong', errors }
    const { call } = balancer(Response.json(body, { status: 422, headers: { 'retry-after': '3' } }))
    expect(await call({ function: 'f' })).toEqual({
      ok: false,
      isCancelled: false,
      problem: { status: 422, code: 'INVALID_INPUT', detail: 'wrong', errors, retryAfterS: 3 },
    })
  })

  it('survives an answer of something else, and none', async () => {
    const odd = balancer(new Response('<html>', { status: 502 }))
    expect(await odd.call({})).toMatchObject({ problem: { status: 502, detail: 'HTTP 502' } })
    expect(await balancer().call({})).toMatchObject({ problem: { status: 0, code: 'UNREACHABLE' } })
  })

  it('that is aborted closes its request', async () => {
    const { call, controller, sent } = balancer((_, signal) => {
      const { promise, reject } = Promise.withResolvers<Response>()
      signal.addEventListener('abort', () => reject(new Error('aborted')))
      return promise
    })
    const called = call({ function: 'f' })
    controller.abort()
    expect(await called).toEqual({ ok: false, isCancelled: true, problem: null })
    expect(sent).toHaveLength(1)
  })

  it('of a session goes by its run, so that it can be cancelled', async () => {
    const { call, sent } = balancer(accepted(), events('id: 1\nevent: result\ndata: 5\n\n'))
    expect(await call({ function: 'f', session: 's' })).toEqual({ ok: true, result: 5 })
    expect(sent[0]?.headers.prefer).toBe('wait=0')
  })
})

describe('files and bytes', () => {
  it('go with a key of their own, never with the cookie alone', async () => {
    const { sent, ports } = balancer(
      Response.json({ key: 'up_1' }, { status: 201 }),
      accepted(),
      events('id: 1\nevent: result\ndata: 5\n\n'),
    )
    const file = new File(['abc'], 'in.txt', { type: 'text/plain' })
    expect(await callTask({ body: { function: 'f', input: {} }, files: [file] }, ports)).toEqual({
      ok: true,
      result: 5,
    })
    expect(sent[0]).toMatchObject({ path: '/upload-keys', method: 'POST', body: {} })
    expect(sent[1]).toMatchObject({
      path: '/task',
      headers: { authorization: 'Bearer up_1', prefer: 'wait=0' },
    })
    const form = sent[1]?.body as FormData
    expect([...form.keys()]).toEqual(['task', 'file'])
  })

  it('as the input itself go to the function’s own address, and bytes come back as bytes', async () => {
    const picture = new Response(new Uint8Array([0, 1, 2]), { headers: { 'content-type': 'image/png; x=1' } })
    const { sent, ports } = balancer(Response.json({ key: 'up_1' }, { status: 201 }), picture)
    const bytes = new File(['abc'], 'in.jpg', { type: 'image/jpeg' })
    const body = {
      function: 'a.b',
      group: 'g',
      mode: 'sync',
      priority: 3,
      tags: { gpu: 'x', region: ['eu'] },
      input: {},
    }
    expect(await callTask({ body, bytes }, ports)).toEqual({
      ok: true,
      result: { mediaType: 'image/png', base64: 'AAEC' },
    })
    expect(sent[1]?.path).toBe('/task/g/a.b?mode=sync&priority=3&tags=gpu%3Ax%2Cregion%3Aeu')
    expect(sent[1]?.headers).toMatchObject({ authorization: 'Bearer up_1', 'content-type': 'image/jpeg' })
    expect(sent[1]?.body).toBe(bytes)
  })

  it('are not sent without a key, nor where an address cannot say what was chosen', async () => {
    const bytes = new File([''], 'x')
    const refused = balancer(Response.json({ code: 'FORBIDDEN', detail: 'no' }, { status: 403 }))
    expect(await callTask({ body: { function: 'f' }, bytes }, refused.ports)).toMatchObject({
      problem: { code: 'FORBIDDEN' },
    })
    expect(refused.sent).toHaveLength(1)
    const { sent, ports } = balancer()
    const body = { function: 'f', tags: { gpu: ['a', 'b'] } }
    expect(await callTask({ body, bytes }, ports)).toMatchObject({ problem: { code: 'INVALID_REQUEST' } })
    expect(sent).toEqual([])
  })
})

describe('a stream', () => {
  it('tells its chunks, lines and progress as they come, and ends with its result', async () => {
    const { call, sent, news } = balancer(
      events(
        'id: 0\n\n',
        ': comment\n\n',
        'id: 1\nevent: chunk\ndata: {"text":"Hel"}\n\n',
        'id: 2\nevent: log\ndata: {"level":"warn","text":"line","at":"x"}\n\n',
        'id: 3\nevent: progress\ndata: {"fraction":0.5,"text":"half"}\n\n',
        'id: 4\r\nevent: chunk\r\ndata: {"base64":"AAAA"}\r\n\r\n',
        'id: 5\nevent: news\ndata: 1\n\n',
        'id: 6\nevent: result\ndata: {"a":\ndata: 1}\n\n',
      ),
    )
    expect(await call({ function: 'f', mode: 'stream' })).toEqual({ ok: true, result: { a: 1 } })
    expect(sent[0]?.headers.accept).toBe('text/event-stream')
    expect(news.slice(1)).toMatchObject([
      { kind: 'chunk', text: 'Hel' },
      { kind: 'log', level: 'warn', text: 'line' },
      { kind: 'progress', fraction: 0.5, text: 'half' },
      { kind: 'chunk', text: '[3 B]' },
    ])
  })

  it('reads events that are cut anywhere', async () => {
    const bytes = new TextEncoder().encode('event: chunk\ndata: {"text":"ü"}\n\nevent: result\ndata: 1\n\n')
    const body = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]))
        controller.close()
      },
    })
    const { call, news } = balancer(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
    expect(await call({ mode: 'stream' })).toEqual({ ok: true, result: 1 })
    expect(news[1]).toEqual({ kind: 'chunk', text: 'ü' })
  })

  it('that ends without an end has failed, and one with an error says which', async () => {
    const cut = balancer(events('event: chunk\ndata: {"text":"a"}\n\n'))
    expect(await cut.call({ mode: 'stream' })).toMatchObject({ ok: false, problem: { code: 'UNREACHABLE' } })
    const error = balancer(events('event: error\ndata: {"code":"FUNCTION_FAILED","message":"no"}\n\n'))
    expect(await error.call({ mode: 'stream' })).toMatchObject({
      problem: { code: 'FUNCTION_FAILED', detail: 'no' },
    })
  })
})

describe('a run', () => {
  it('is followed to its end, again from where it broke off', async () => {
    const { call, sent, news } = balancer(
      accepted(),
      events(
        'id: 1\nevent: status\ndata: {"status":"queued"}\n\n',
        'id: 2\nevent: status\ndata: {"status":"running","worker":"w1"}\n\n',
      ),
      new Response(null, { status: 503 }),
      events(
        'id: 3\nevent: file\ndata: {"path":"a.txt","mediaType":"text/plain","size":3}\n\n',
        'id: 4\nevent: result\ndata: null\n\n',
      ),
    )
    expect(await call({ function: 'f', mode: 'async' })).toEqual({ ok: true, result: null })
    expect(sent.map(({ path, headers }) => [path, headers['last-event-id']])).toEqual([
      ['/task', undefined],
      ['/runs/r_1/events', undefined],
      ['/runs/r_1/events', '2'],
      ['/runs/r_1/events', '2'],
    ])
    expect(news.slice(1)).toMatchObject([
      { kind: 'facts', facts: { runId: 'r_1' } },
      { kind: 'status', status: 'queued', worker: null },
      { kind: 'status', status: 'running', worker: 'w1' },
      { kind: 'file', file: { path: 'a.txt' } },
    ])
  })

  it('that is aborted is cancelled by its id', async () => {
    const { call, sent, controller } = balancer(
      accepted(),
      (_, signal) => {
        const { promise, reject } = Promise.withResolvers<Response>()
        signal.addEventListener('abort', () => reject(new Error('aborted')))
        controller.abort()
        return promise
      },
      Response.json({}),
    )
    expect(await call({ function: 'f', mode: 'async' })).toMatchObject({ isCancelled: true })
    expect(sent.at(-1)).toMatchObject({ path: '/runs/r_1/cancel', method: 'POST', body: {} })
  })

  it('that somebody else has cancelled, or that is gone, ends', async () => {
    const other = balancer(accepted(), events('event: status\ndata: {"status":"cancelled"}\n\n'))
    expect(await other.call({ mode: 'async' })).toMatchObject({ isCancelled: true })
    const gone = balancer(accepted(), Response.json({ code: 'NOT_FOUND', detail: 'gone' }, { status: 404 }))
    expect(await gone.call({ mode: 'async' })).toMatchObject({ problem: { code: 'NOT_FOUND' } })
  })

  it('is given up when its events never come', async () => {
    const never = Array.from({ length: 20 }, () => new Response(null, { status: 503 }))
    expect(await balancer(accepted(), ...never).call({ mode: 'async' })).toMatchObject({
      problem: { code: 'UNREACHABLE' },
    })
  })
})
