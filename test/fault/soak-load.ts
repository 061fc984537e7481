/**
 * Mixed tasks for a soak, over connections that are kept: batches, single tasks, bytes, streams, failures,
 * attempts that time out, callers who leave and requests that are refused. Driven by soak.ts.
 * Invariant: every task is asked for once and each is answered by something that was to be expected.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { KEYS } from '../harness/berth.ts'

const CONNECTIONS = 24
/** Of a thousand tasks, by how they come. */
const PORTION = { array: 400, lines: 250, single: 300, raw: 20, streams: 10, broken: 10, left: 5, late: 5 }
export const PORTION_TASKS = Object.values(PORTION).reduce((sum, count) => sum + count, 0)

const RAW_BYTES = 16 * 1024
const WORDS = 20
/** That the balancer remembers, at most. */
const FAILURES = 10_000
/** What a worker's end, a cut or an operator may do to a task. */
const EXPECTED = new Set([
  '200',
  '500 FUNCTION_FAILED',
  '502 WORKER_LOST',
  '503 NO_CAPACITY',
  '504 TIMEOUT',
  'left',
])

type Act = () => Promise<void>

export class SoakLoad {
  readonly outcomes = new Map<string, number>()
  readonly #port: number
  #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  #next = 0

  constructor(port: number) {
    this.#port = port
  }

  /** Runs so many portions and closes its connections. */
  async run(portions: number): Promise<void> {
    let made = 0
    let acts: Act[] = []
    const take = (): Act | undefined => {
      if (acts.length === 0 && made++ < portions) acts = this.#portion()
      return acts.pop()
    }
    const caller = async (): Promise<void> => {
      for (let act = take(); act; act = take()) await act()
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, caller))
    this.#agent.destroy()
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  }

  /** The balancer remembers its newest failures, so many; until then it may grow. */
  async fillMemory(): Promise<void> {
    const body = `[${Array.from({ length: FAILURES / 10 }, () => '{"function":"broken"}').join()}]`
    for (let batch = 0; batch <= 10; batch++) {
      const { text } = await this.#ask('/tasks', body)
      assert.ok(
        text
          .split('\n')
          .filter(Boolean)
          .map(readLine)
          .every(({ code }) => code === 'FUNCTION_FAILED'),
      )
    }
  }

  #portion(): Act[] {
    const times = (count: number, act: (n: number) => Promise<void>): Act[] =>
      Array.from({ length: count }, () => () => act(this.#next++))
    return [
      ...times(1, () => this.#batch(PORTION.array, (tasks) => `[${tasks.join()}]`)),
      ...times(PORTION.single, (n) => this.#single(n)),
      ...times(1, () => this.#batch(PORTION.lines, (tasks) => tasks.join('\n'))),
      ...times(PORTION.raw, () => this.#raw()),
      ...times(PORTION.streams, () => this.#stream()),
      ...times(PORTION.broken, () => this.#send('/task', '{"function":"broken"}')),
      ...times(PORTION.left, (n) => this.#leave(n)),
      ...times(PORTION.late, () => this.#send('/task', '{"function":"slow","timeout":5}')),
      ...times(2, (n) => this.#refused(n)),
    ]
  }

  async #single(n: number): Promise<void> {
    const more =
      n % 3 === 0 ? { metadata: { n: String(n) }, fairnessKey: `caller ${n}`, priority: 1 + (n % 200) } : {}
    const { key, text } = await this.#ask('/task', JSON.stringify({ ...taskOf(n), ...more }))
    if (key === '200') assert.equal(text, `{"success":true,"result":{"n":${n}}}`)
    this.#count(key)
  }

  async #batch(count: number, join: (tasks: string[]) => string): Promise<void> {
    const first = this.#next
    this.#next += count
    const tasks = Array.from({ length: count }, (_, index) => JSON.stringify(taskOf(first + index)))
    const { key, text } = await this.#ask('/tasks', join(tasks))
    assert.equal(key, '200', text)
    const lines = text.split('\n').filter(Boolean).map(readLine)
    assert.equal(new Set(lines.map(({ index }) => index)).size, count, 'a line for each task')
    for (const { status, code, index, result } of lines) {
      if (status === 200) assert.equal(result?.n, first + index)
      this.#count(status === 200 ? '200' : `${status} ${code}`)
    }
  }

  async #raw(): Promise<void> {
    const body = 'b'.repeat(RAW_BYTES)
    const { key, text } = await this.#ask('/task/default/raw', body, 'application/octet-stream')
    if (key === '200') assert.equal(text, body)
    this.#count(key)
  }

  async #stream(): Promise<void> {
    const task = { function: 'words', mode: 'stream', input: { count: WORDS } }
    const { key, text } = await this.#ask('/task', JSON.stringify(task))
    if (key === '200') assert.equal(text.split(' ').length, 2 * WORDS + 1, `a whole stream is "${text}"`)
    // A stream whose worker is lost is cut off, so that nobody takes it for complete.
    this.#count(key === 'cut' ? '502 WORKER_LOST' : key)
  }

  async #send(path: string, body: string): Promise<void> {
    this.#count((await this.#ask(path, body)).key)
  }

  async #leave(n: number): Promise<void> {
    const signal = AbortSignal.timeout(n % 20)
    this.#count((await this.#ask('/task', '{"function":"slow"}', undefined, signal)).key)
  }

  /** No task at all; it counts for none. */
  async #refused(n: number): Promise<void> {
    const body = n % 2 === 0 ? `{"function":"nobody-${n}"}` : '{"function":'
    assert.match((await this.#ask('/task', body)).key, /^40[04] /)
  }

  #count(key: string): void {
    assert.ok(EXPECTED.has(key), `a task ended with ${key}`)
    this.outcomes.set(key, (this.outcomes.get(key) ?? 0) + 1)
  }

  /** `key`: the status, with the code of a problem; `left` when the caller went, `cut` when the answer broke off. */
  async #ask(
    path: string,
    body: string,
    type = 'application/json',
    signal?: AbortSignal,
  ): Promise<{ key: string; text: string }> {
    const headers = { authorization: KEYS.caller, 'content-type': type }
    const call = request({
      port: this.#port,
      host: '127.0.0.1',
      path,
      method: 'POST',
      agent: this.#agent,
      headers,
      signal,
    })
    call.on('error', () => {})
    call.end(body)
    let isAnswered = false
    try {
      const [response] = (await once(call, 'response')) as [IncomingMessage]
      isAnswered = true
      const text = Buffer.concat(await response.toArray()).toString()
      const { statusCode = 0 } = response
      return { key: statusCode === 200 ? '200' : `${statusCode} ${readLine(text).code}`, text }
    } catch (error) {
      if (signal?.aborted) return { key: 'left', text: '' }
      if (isAnswered) return { key: 'cut', text: '' }
      throw error
    }
  }
}

type Line = { index: number; status: number; code?: string; result?: { n: number } }

function readLine(text: string): Line {
  return JSON.parse(text) as Line
}

function taskOf(n: number): object {
  return { function: 'small', input: { n }, ...(n % 2 === 0 && { tags: { round: '!=none' } }) }
}
