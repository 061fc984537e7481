import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '@berth/runtime'
import { BatchRun, beginInMemory, type TasksInBytes } from './batch-run.ts'
import { scanBatch } from './batch-scan.ts'
import { describeProblem } from './problem.ts'
import type { TaskHead } from './task-call.ts'
import type { TaskAnswer } from './tasks.ts'

const HEAD: TaskHead = {
  contentType: '',
  contentEncoding: undefined,
  prefer: undefined,
  idempotencyKey: undefined,
  traceparent: undefined,
  wantsEvents: false,
}
const FULL = describeProblem({ code: 'QUEUE_FULL', detail: 'full', retryAfterMs: 3_000 })

function success(result: unknown = 1): TaskAnswer {
  const headers = { 'content-type': 'application/json', 'x-run-id': 'r_1', 'x-worker': 'w' }
  return { status: 200, headers, body: Buffer.from(JSON.stringify({ success: true, result })) }
}

/** A batch of so many tasks before a core and a reader that do what the test says. */
function makeRun(
  count: number,
  bodyOf = (i: number): string => JSON.stringify({ function: 'f', input: { i } }),
) {
  const bytes = Buffer.from(Array.from({ length: count }, (_, i) => bodyOf(i)).join('\n'))
  const ranges = [...scanBatch(bytes)].flatMap((found) => (found.kind === 'body' ? [found.range] : []))
  const underWay = new Map<string, (answer: TaskAnswer) => void>()
  const begun: string[] = []
  const abandoned: string[] = []
  const reader = { text: '', isFull: false, hasEnded: false }
  let refuse: (body: string) => TaskAnswer | undefined = () => undefined
  const tasks: TasksInBytes['tasks'] = {
    handle({ bytes: body }, { answer }) {
      const text = String(body)
      const refusal = refuse(text)
      if (refusal) {
        answer(refusal)
        return () => assert.fail('it was answered')
      }
      begun.push(text)
      underWay.set(text, answer)
      return () => void abandoned.push(text)
    },
  }
  const run = new BatchRun({
    count: ranges.length,
    begin: beginInMemory({ tasks, bytes, ranges, head: HEAD, bodyLimitBytes: 10_000 }),
    clock: systemClock,
    output: {
      isFull: () => reader.isFull,
      write: (chunk) => {
        reader.text += Buffer.from(chunk)
      },
      end: () => {
        reader.hasEnded = true
      },
    },
  })
  run.resume()
  return {
    run,
    underWay,
    begun,
    abandoned,
    reader,
    refuse: (rule: typeof refuse) => {
      refuse = rule
    },
    /** Until nothing moves any more without an event from outside. */
    async rest() {
      for (let i = 0; i < 20; i++) await nextTurn()
    },
    answerAll(answer = success()) {
      const all = [...underWay]
      underWay.clear()
      for (const [, reply] of all) reply(answer)
    },
    lines: () =>
      reader.text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}

test('answers in the order of the ends, each line with index, status and the body', async () => {
  const bench = makeRun(3)
  await bench.rest()
  const [first, second, third] = bench.begun as [string, string, string]
  bench.underWay.get(third)?.(success({ a: [1] }))
  bench.underWay.get(first)?.(
    describeProblem({ code: 'FUNCTION_FAILED', detail: 'no' }, { headers: { 'x-run-id': 'r_2' } }),
  )
  bench.underWay.get(second)?.(FULL)
  await bench.rest()
  assert.ok(bench.reader.hasEnded)
  const lines = bench.lines()
  assert.deepEqual(lines[0], { index: 2, status: 200, runId: 'r_1', success: true, result: { a: [1] } })
  const { index, status, runId, code, success: isSuccess } = lines[1] ?? {}
  assert.deepEqual([index, status, runId, code, isSuccess], [0, 500, 'r_2', 'FUNCTION_FAILED', false])
  assert.deepEqual([lines[2]?.index, lines[2]?.status, lines[2]?.retryAfter], [1, 429, 3])
})

test('a result with raw line ends is one line all the same', async () => {
  const bench = makeRun(1)
  await bench.rest()
  bench.answerAll({ ...success(), body: Buffer.from('{"success":true,\r\n "result": {\n"a": "b\\n"}}') })
  await bench.rest()
  assert.equal(bench.reader.text.split('\n').length, 2)
  assert.deepEqual(bench.lines()[0]?.result, { a: 'b\n' })
})

test('a body that is wrong is its own 422, one over the limit its own 413, and the rest runs', async () => {
  const large = `{"a":"${'x'.repeat(10_000)}"}`
  const bench = makeRun(3, (i) => ['{"wrong":1}', large, '{"function":"f"}'][i] as string)
  const wrong = {
    code: 'INVALID_REQUEST',
    detail: 'no',
    errors: [{ pointer: '/wrong', detail: 'x' }],
  } as const
  bench.refuse((body) => (body.includes('wrong') ? describeProblem(wrong) : undefined))
  await bench.rest()
  bench.answerAll()
  await bench.rest()
  const byIndex = bench.lines().sort((a, b) => Number(a.index) - Number(b.index))
  assert.deepEqual(
    byIndex.map(({ status }) => status),
    [422, 413, 200],
  )
  assert.equal(byIndex[0]?.code, 'INVALID_REQUEST')
  assert.deepEqual(byIndex[0]?.errors, [{ pointer: '/wrong', detail: 'x' }])
})

test('never more than 1,000 tasks of a batch are under way, and all come to an end', async () => {
  const bench = makeRun(5_000)
  let most = 0
  while (!bench.reader.hasEnded) {
    await bench.rest()
    most = Math.max(most, bench.underWay.size)
    bench.answerAll()
  }
  assert.equal(most, 1_000)
  assert.equal(bench.begun.length, 5_000)
  assert.equal(new Set(bench.lines().map(({ index }) => index)).size, 5_000)
})

test('long answers narrow the window', async () => {
  const bench = makeRun(2_000)
  const long = success('x'.repeat(4 * 1024 * 1024))
  await bench.rest()
  for (let i = 0; i < 3; i++) {
    bench.reader.text = ''
    bench.answerAll(long)
    await bench.rest()
  }
  assert.ok(bench.underWay.size <= 16, `${bench.underWay.size} tasks of 4 MB each`)
  assert.ok(bench.underWay.size >= 8)
  bench.run.cancel()
})

test('while the reader takes nothing, nothing more is begun; when it does, the batch goes on', async () => {
  const bench = makeRun(1_000)
  await bench.rest()
  bench.reader.isFull = true
  const long = success('x'.repeat(100_000))
  for (let i = 0; i < 10; i++) {
    bench.answerAll(long)
    await bench.rest()
  }
  const stoppedAt = bench.begun.length
  assert.ok(stoppedAt < 200, `${stoppedAt} were begun`)
  assert.equal(bench.reader.text, '')
  assert.equal(bench.underWay.size, 0)
  bench.reader.isFull = false
  bench.run.resume()
  while (!bench.reader.hasEnded) {
    await bench.rest()
    bench.answerAll()
  }
  assert.equal(bench.lines().length, 1_000)
})

test('a full line holds the batch back until one of its own has ended, and refuses nothing', async () => {
  const bench = makeRun(50)
  bench.refuse(() => (bench.underWay.size >= 3 ? FULL : undefined))
  let most = 0
  while (!bench.reader.hasEnded) {
    await bench.rest()
    most = Math.max(most, bench.underWay.size)
    const [oldest] = bench.underWay
    if (!oldest) continue
    bench.underWay.delete(oldest[0])
    oldest[1](success())
  }
  assert.equal(most, 3)
  assert.deepEqual(new Set(bench.lines().map(({ status }) => status)), new Set([200]))
})

test('a line that is full of others is 429 for each', async () => {
  const bench = makeRun(3)
  bench.refuse(() => FULL)
  await bench.rest()
  assert.deepEqual(
    bench.lines().map(({ status }) => status),
    [429, 429, 429],
  )
})

test('a reader that leaves ends what is under way, and nothing more is begun', async () => {
  const bench = makeRun(1_000)
  await bench.rest()
  const { length } = bench.begun
  bench.run.cancel()
  bench.run.cancel()
  assert.deepEqual(bench.abandoned, bench.begun)
  bench.answerAll(describeProblem({ code: 'CANCELLED', detail: 'gone' }))
  await bench.rest()
  assert.equal(bench.begun.length, length)
  assert.equal(bench.reader.text, '')
  assert.equal(bench.reader.hasEnded, false)
})
