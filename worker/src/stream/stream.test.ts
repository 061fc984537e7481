/** Mode stream over the worker's own HTTP, on a real server: texts, events, and callers that leave or do not read. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { DATA_KIND } from '@berth/protocol'
import { FakeBalancer } from '../fixtures/fake-balancer.ts'
import { script, startTestWorker, TEST_KEYS, type TestWorker } from '../fixtures/test-worker.ts'
import { handleTask } from '../http/http-task.ts'
import type { Caller } from './caller.ts'
import { HttpCaller } from './http-caller.ts'

let worker: TestWorker

before(async () => {
  worker = await startTestWorker({ SLOTS: '1', QUEUE_LIMIT: '1', RESULT_LIMIT: '1mb' })
})
after(() => worker[Symbol.asyncDispose]())

const stream = (more: object = {}, init?: RequestInit) =>
  worker.task({ function: 'scripted', mode: 'stream', ...more }, init)
const events = (more: object = {}) => stream(more, { headers: { accept: 'text/event-stream' } })

async function readAll(response: Response): Promise<string> {
  return Buffer.concat(await Array.fromAsync(response.body ?? [])).toString()
}

interface Event {
  id?: string
  event?: string
  data?: unknown
}

/** By the rules of the specification, as far as these streams use them. */
function parseEvents(text: string): Event[] {
  assert.ok(text.endsWith('\n\n'))
  return text
    .split('\n\n')
    .slice(0, -1)
    .filter((block) => !block.startsWith(':'))
    .map((block) => {
      const event: Event = {}
      for (const line of block.split('\n')) {
        const [, name, value = ''] = /^(id|event|data): (.*)$/s.exec(line) ?? assert.fail(line)
        if (name === 'data') event.data = JSON.parse(value)
        else event[name as 'id' | 'event'] = value
      }
      return event
    })
}

const codeOf = (event: Event | undefined) => (event?.data as { code?: string } | undefined)?.code

function untilSlots(used: number, queued = 0): Promise<void> {
  const { intake } = worker.running.parts
  return new Promise((resolve) => {
    const check = () => {
      if (intake.used !== used || intake.queued !== queued) return
      stop()
      resolve()
    }
    const stop = intake.onChange(check)
    check()
  })
}

/** A request by hand, so that the test decides what is read. */
async function rawStream(version = '1.1', body: object = { function: 'scripted', mode: 'stream' }) {
  const { hostname, port } = new URL(worker.url)
  const socket = connect(Number(port), hostname)
  const text = JSON.stringify(body)
  await once(socket, 'connect')
  socket.write(
    `POST /task HTTP/${version}\r\nHost: x\r\nAuthorization: ${TEST_KEYS.authKey}\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
  )
  return socket
}

async function readSocket(
  socket: Socket,
): Promise<{ text: string; error: NodeJS.ErrnoException | undefined }> {
  let text = ''
  let error: NodeJS.ErrnoException | undefined
  socket.on('data', (chunk) => {
    text += String(chunk)
  })
  socket.on('error', (thrown) => {
    error = thrown
  })
  await once(socket, 'close').catch(() => {})
  return { text, error }
}

describe('a text stream', () => {
  it('lets each chunk leave as it is made, also to a client that asks for compression', async () => {
    const next = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    script.handler = async (_input, { stream }) => {
      await stream('first')
      await next[0]?.promise
      stream(Buffer.from(' sec'))
      stream('önd')
      await next[1]?.promise
      return { not: 'sent' }
    }
    const response = await stream({}, { headers: { 'accept-encoding': 'gzip, br' } })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(response.headers.get('content-encoding'), null)
    assert.match(response.headers.get('x-run-id') ?? '', /^r_[0-9a-z]{26}$/)
    const reader = response.body?.getReader() ?? assert.fail()
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'first')
    next[0]?.resolve()
    let rest = Buffer.from((await reader.read()).value ?? []).toString()
    next[1]?.resolve()
    for (let part = await reader.read(); !part.done; part = await reader.read())
      rest += Buffer.from(part.value)
    assert.equal(rest, ' second'.replace('o', 'ö'))
  })

  it('is empty when the function makes no chunk', async () => {
    script.handler = () => 'dropped'
    const response = await stream()
    assert.deepEqual([response.status, await response.text()], [200, ''])
  })

  it('gives a failure before the first chunk its status', async () => {
    script.handler = () => {
      throw new Error('no paper')
    }
    const response = await stream()
    assert.equal(response.status, 500)
    const body = (await response.json()) as { code: string; detail: string }
    assert.deepEqual([body.code, body.detail], ['FUNCTION_FAILED', 'no paper'])
  })

  it('is cut off by a failure behind the first chunk, and the worker goes on', async () => {
    script.handler = async (_input, ctx) => {
      await ctx.stream('half of it')
      throw new Error('no paper')
    }
    const { text } = await readSocket(await rawStream())
    assert.match(text, /^HTTP\/1\.1 200 /)
    assert.match(text, /\r\nhalf of it\r\n$/)
    const response = await stream()
    await assert.rejects(readAll(response))
    script.handler = () => 1
    assert.equal((await stream()).status, 200)
  })

  it('is reset for a client of HTTP/1.0, which takes an end for the end', async () => {
    script.handler = async (_input, ctx) => {
      await ctx.stream('half of it')
      throw new Error('no paper')
    }
    assert.equal((await readSocket(await rawStream('1.0'))).error?.code, 'ECONNRESET')
  })

  it('is repeated while no chunk has left, and not behind one', async () => {
    const again = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  config: { supportsStreaming: true, maxRetries: 3, backoff: { baseMs: 1 } },
  handler: (input, ctx) => globalThis.berthScript.handler(input, ctx),
})`
    await using own = await startTestWorker({}, { 'functions/again.ts': again })
    let calls = 0
    script.handler = async (_input, ctx) => {
      calls++
      if (ctx.attempt < 3) throw new Error('not yet')
      await ctx.stream(`attempt ${ctx.attempt}`)
      throw new Error('too late')
    }
    const response = await own.task({ function: 'again', mode: 'stream' })
    assert.equal(response.status, 200)
    await assert.rejects(readAll(response))
    assert.equal(calls, 3)
  })

  it('takes text and bytes only', async () => {
    script.handler = (_input, ctx) => ctx.stream({ a: 1 } as never)
    const body = (await (await stream()).json()) as { detail: string }
    assert.match(body.detail, /ctx\.stream takes a text or bytes/)
  })

  it('keeps what the handler does with its buffer afterwards to itself', async () => {
    script.handler = (_input, ctx) => {
      const buffer = Buffer.from('a')
      ctx.stream(buffer)
      buffer[0] = 0x62
      ctx.stream(buffer)
    }
    assert.equal(await (await stream()).text(), 'ab')
  })

  it('needs a function that streams', async () => {
    const response = await worker.task({ function: 'scripted-plain', mode: 'stream' })
    const body = (await response.json()) as { code: string; errors: { pointer: string }[] }
    assert.deepEqual([response.status, body.code, body.errors[0]?.pointer], [400, 'INVALID_REQUEST', '/mode'])
  })
})

describe('a stream of events', () => {
  it('says an id at once, then numbered events of each kind, and the result', async () => {
    const go = Promise.withResolvers<void>()
    script.handler = async (_input, { stream, progress, log }) => {
      await go.promise
      stream('one')
      progress(0.5, 'half')
      progress(7)
      log.info('a line', { pages: 3 })
      return { done: true }
    }
    const response = await events()
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
    const reader = response.body?.getReader() ?? assert.fail()
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'id: 0\n\n')
    go.resolve()
    let rest = ''
    for (let part = await reader.read(); !part.done; part = await reader.read())
      rest += Buffer.from(part.value)
    const [chunk, half, whole, line, result, ...more] = parseEvents(rest)
    assert.deepEqual(chunk, { id: '1', event: 'chunk', data: { text: 'one' } })
    assert.deepEqual(half, { id: '2', event: 'progress', data: { fraction: 0.5, text: 'half' } })
    assert.deepEqual(whole?.data, { fraction: 1 })
    const { level, text, pages, run } = (line?.data ?? {}) as Record<string, unknown>
    assert.deepEqual([line?.event, level, text, pages], ['log', 'info', 'a line', 3])
    assert.equal(run, response.headers.get('x-run-id'))
    assert.deepEqual(result, { id: '5', event: 'result', data: { done: true } })
    assert.deepEqual(more, [])
  })

  it('E12: carries any bytes, and no chunk or result forges a frame', async () => {
    const chunks = ['\n\nevent: result\ndata: {}\n\n', 'data: x\r\rid: 9\r\n', '\u2028{"\\', ''].map((text) =>
      Buffer.from(text),
    )
    for (let n = 0; n < 20; n++) chunks.push(createHash('sha512').update(String(n)).digest())
    const result = { text: '\n\ndata: forged\n\n', '\r': '\u2029' }
    script.handler = async (_input, ctx) => {
      for (const chunk of chunks) await ctx.stream(chunk)
      return result
    }
    const heard = parseEvents(await (await events()).text())
    assert.deepEqual(
      heard.map(({ id }) => id),
      heard.map((_event, index) => String(index)),
    )
    const back = heard
      .filter(({ event }) => event === 'chunk')
      .map(({ data }) => {
        const { text, base64 } = data as { text?: string; base64?: string }
        return text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text)
      })
    const hashOf = (parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest('hex')
    assert.equal(hashOf(back), hashOf(chunks))
    assert.deepEqual(heard.at(-1)?.data, result)
    script.handler = async (_input, ctx) => {
      for (const chunk of chunks) await ctx.stream(chunk)
    }
    const raw = Buffer.from(await (await stream()).arrayBuffer())
    assert.equal(hashOf([raw]), hashOf(chunks))
  })

  it('ends with an error when the function fails, with a status when it was refused', async () => {
    script.handler = () => {
      throw new Error('no paper')
    }
    const heard = parseEvents(await (await events()).text())
    assert.deepEqual(heard, [
      { id: '0' },
      { id: '1', event: 'error', data: { code: 'FUNCTION_FAILED', message: 'no paper' } },
    ])
    const refused = await events({ input: 3 })
    assert.equal(refused.status, 400)
  })

  it('speaks while the task waits, and tells a deadline that passes there', async () => {
    const end = Promise.withResolvers<void>()
    script.handler = () => end.promise
    const running = worker.task({ function: 'scripted' })
    await untilSlots(1)
    const deadline = new Date(Date.now() + 30).toISOString()
    const response = await events({ deadline })
    assert.equal(response.status, 200)
    const heard = parseEvents(await response.text())
    assert.deepEqual([heard[1]?.event, codeOf(heard[1])], ['error', 'TIMEOUT'])
    const waiting = stream()
    await untilSlots(1, 1)
    assert.equal((await events()).status, 429)
    end.resolve()
    assert.equal((await waiting).status, 200)
    await running
  })
})

describe('callers of streams', () => {
  it('B12: one that leaves the queue costs nothing', async () => {
    const end = Promise.withResolvers<void>()
    let calls = 0
    script.handler = () => {
      calls++
      return end.promise
    }
    const running = worker.task({ function: 'scripted' })
    await untilSlots(1)
    for (const body of [{ function: 'scripted', mode: 'stream' }, { function: 'scripted' }]) {
      const socket = await rawStream('1.1', body)
      await untilSlots(1, 1)
      socket.destroy()
      await untilSlots(1, 0)
    }
    end.resolve()
    await running
    assert.equal(calls, 1)
  })

  it('B12: one that has left before its task was accepted costs nothing either', async () => {
    let calls = 0
    script.handler = () => calls++
    const request = {
      bytes: Buffer.from('{"function":"scripted"}'),
      query: new URLSearchParams(),
      contentType: '',
      wantsEvents: false,
    }
    const caller: Caller = { onGone: (listener) => listener(), open: () => assert.fail() }
    const answer = await handleTask(worker.running.parts, request, caller)
    assert.deepEqual([answer?.status, calls], [409, 0])
  })

  it('B13: one that leaves in the middle aborts the handler, whose slot frees when it ends', async () => {
    const aborted = Promise.withResolvers<string>()
    const end = Promise.withResolvers<void>()
    script.handler = async (_input, { signal, stream }) => {
      await stream('begun')
      signal.addEventListener('abort', () => aborted.resolve(signal.reason.message))
      await end.promise
    }
    const socket = await rawStream()
    await once(socket, 'data')
    socket.destroy()
    assert.equal(await aborted.promise, 'The caller went away')
    assert.equal(worker.running.parts.intake.used, 1)
    end.resolve()
    await untilSlots(0)
  })

  it('B10: one that stops reading holds the handler back, and gets every byte in the end', async () => {
    const total = 1024
    const chunk = Buffer.alloc(64 * 1024, 'x')
    let made = 0
    let stalled: () => void = () => {}
    const isStalled = new Promise<void>((resolve) => {
      stalled = resolve
    })
    script.handler = async (_input, ctx) => {
      for (; made < total; made++) {
        const room = ctx.stream(chunk)
        const timer = setTimeout(stalled, 200)
        await room
        clearTimeout(timer)
      }
    }
    const socket = await rawStream()
    await isStalled
    const madeThen = made
    // What the kernel takes on loopback, plus the one chunk over.
    assert.ok(madeThen < total / 2, `${madeThen} chunks were made for nobody`)
    let bytes = 0
    socket.on('data', (data) => {
      bytes += data.length
    })
    await untilSlots(0)
    socket.destroy()
    assert.ok(bytes > madeThen * chunk.length)
    assert.equal(made, total)
  })

  it('B10: a handler that does not wait for a caller that does not read is aborted', async () => {
    const aborted = Promise.withResolvers<string>()
    script.handler = async (_input, ctx) => {
      ctx.signal.addEventListener('abort', () => aborted.resolve(ctx.signal.reason.message))
      const chunk = Buffer.alloc(1024 * 1024)
      for (let n = 0; n < 64 && !ctx.signal.aborted; n++) {
        ctx.stream(chunk)
        await new Promise((resolve) => setImmediate(resolve))
      }
      ctx.signal.throwIfAborted()
    }
    const socket = await rawStream()
    assert.equal(await aborted.promise, 'The caller stopped reading the stream')
    await untilSlots(0)
    socket.destroy()
  })

  it('B10: a timeout releases a handler that waits for its caller to read', async () => {
    const released = Promise.withResolvers<boolean>()
    script.handler = async (_input, { stream, signal }) => {
      const chunk = Buffer.alloc(64 * 1024)
      while (!signal.aborted) await stream(chunk)
      released.resolve(true)
    }
    const socket = await rawStream('1.1', { function: 'scripted', mode: 'stream', timeout: 300 })
    assert.equal(await released.promise, true)
    await untilSlots(0)
    socket.destroy()
  })

  it('B10: one that takes nothing for long is cut off', async () => {
    const unread = Promise.withResolvers<void>()
    const server = createServer((incoming, outgoing) => {
      const caller = new HttpCaller(incoming, outgoing, { overrunBytes: 1e9, idleMs: 20 })
      const sink = caller.open({}, () => unread.resolve())
      const write = async () => {
        for (let n = 0; n < 1000 && !outgoing.destroyed; n++) {
          sink.write(Buffer.alloc(64 * 1024))
          await sink.room()
        }
      }
      void write()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
    client.end()
    const [response] = (await once(client, 'response')) as [IncomingMessage]
    response.pause()
    response.on('error', () => {})
    await unread.promise
    client.destroy()
    server.close()
    await once(server, 'close')
  })
})

describe('a stream over a real link', () => {
  it('arrives whole and in order, while another task is answered', async () => {
    const chunks = Array.from({ length: 100 }, (_item, n) =>
      Buffer.alloc(50_000, createHash('sha256').update(String(n)).digest()),
    )
    script.handler = async (input, ctx) => {
      if (!input.long) return 'short'
      for (const chunk of chunks) await ctx.stream(chunk)
      return 'long'
    }
    await using own = await startTestWorker({ SLOTS: '2' })
    const balancer = await FakeBalancer.link(own.url, TEST_KEYS)
    balancer.task(1, 'scripted', { long: true }, { mode: 'stream' })
    balancer.task(2, 'scripted', {})
    assert.equal((await balancer.outcome(2)).result, 'short')
    assert.equal((await balancer.outcome(1)).result, 'long')
    const heard = balancer.data(1, DATA_KIND.chunk)
    assert.ok(heard.equals(Buffer.concat(chunks)))
    await balancer.close()
  })
})
