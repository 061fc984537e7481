import assert from 'node:assert/strict'
import { describe, it, type TestContext, test } from 'node:test'
import { LIMITS, type LogEntry, logEntrySchema } from '@berth/protocol'
import type { LogAnswer, LogQuestion } from '../worker-logs.ts'
import { toEntry } from './foreign-line.ts'
import { countKnown, ForeignLogs, type LogOrderMessage } from './foreign-logs.ts'

const READ_AT = '2026-03-01T12:00:00.000Z'
const ALL: LogOrderMessage = { follow: true, level: 'debug' }

/** Answers are given one by one; time passes when it is told to. */
function makeLogs(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const asked: { question: LogQuestion; answer: (answer: LogAnswer) => void }[] = []
  const told: string[] = []
  const given: LogEntry[] = []
  const clock = { nowMs: Date.parse(READ_AT) }
  const faults: string[] = []
  const logs = new ForeignLogs({
    access: { url: 'http://other', fleetKey: 'fleet', workerKey: 'worker', timeoutMs: 1_000 },
    wallMs: () => clock.nowMs,
    onLines: (lines, dropped, tail) => {
      told.push(`${tail ? 'tail' : 'live'} ${lines.map(({ text }) => text).join()} ${dropped}`)
      given.push(...lines)
    },
    onFault: (reason) => faults.push(reason),
    ask: (question) => new Promise((answer) => asked.push({ question, answer })),
  })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  const answer = async (...lines: string[]) => {
    asked.at(-1)?.answer({ ok: true, logs: lines })
    await settle()
  }
  const fail = async (why: string) => {
    asked.at(-1)?.answer({ ok: false, why })
    await settle()
  }
  const pass = (ms: number) => {
    clock.nowMs += ms
    t.mock.timers.tick(ms)
  }
  return { logs, asked, told, given, faults, answer, fail, pass }
}

describe('the log of a worker of another make', () => {
  it('is asked for while it is followed, and what is new is told, each line once', async (t) => {
    const { logs, asked, told, answer, pass } = makeLogs(t)
    logs.obey({ ...ALL, backlog: 2 })
    await answer('a', 'b', 'c')
    pass(1_999)
    assert.equal(asked.length, 1)
    pass(1)
    await answer('a', 'b', 'c')
    pass(2_000)
    await answer('b', 'c', 'c', 'd')
    pass(2_000)
    // It has begun anew.
    await answer('a')
    assert.deepEqual(told, ['live b,c 0', 'live c,d 0', 'live a 0'])
    assert.deepEqual([asked[0]?.question.url, asked[0]?.question.workerKey], ['http://other', 'worker'])
  })

  it('is not asked for once nobody follows, and an answer that is under way is told nobody', async (t) => {
    const { logs, asked, told, answer, pass } = makeLogs(t)
    logs.obey(ALL)
    logs.obey({ follow: false, level: 'debug' })
    assert.equal(asked[0]?.question.signal?.aborted, true)
    await answer('a')
    pass(60_000)
    assert.equal(asked.length, 1)
    logs.obey(ALL)
    await answer('a', 'b')
    logs.stop()
    pass(60_000)
    assert.deepEqual([asked.length, told], [2, ['live a,b 0']])
  })

  it('says by level what is wanted, and what it keeps once more when that is asked', async (t) => {
    const { logs, told, answer } = makeLogs(t)
    logs.obey({ ...ALL, level: 'error' })
    await answer('INFO one', 'ERROR two', 'three')
    logs.obey({ ...ALL, backlog: 2, tail: 'debug' })
    logs.obey(ALL)
    assert.deepEqual(told, ['live ERROR two 0', 'tail ERROR two,three 0'])
  })

  it('has the instants of the first reading also when lines are told once more', async (t) => {
    const { logs, given, answer, pass } = makeLogs(t)
    logs.obey(ALL)
    await answer('a', 'b')
    pass(2_000)
    await answer('b', 'c')
    pass(1_000)
    logs.obey({ ...ALL, tail: 'debug' })
    const instants = given.map(({ at, text }) => `${text} ${(Date.parse(at) - Date.parse(READ_AT)) / 1_000}`)
    assert.deepEqual(instants, ['a 0', 'b 0', 'c 2', 'b 0', 'c 2'])
  })

  it('is kept up to 256 Ki characters, and what is new is still told from what was there', async (t) => {
    const { logs, given, answer, pass } = makeLogs(t)
    const all = Array.from({ length: 100 }, (_, n) => `${n} `.padEnd(8 * 1024, 'x'))
    const numbers = () => given.splice(0).map(({ text }) => Number.parseInt(text, 10))
    logs.obey(ALL)
    await answer(...all.slice(0, 60))
    assert.deepEqual([given.length, numbers().at(-1)], [32, 59])
    pass(2_000)
    await answer(...all.slice(0, 62))
    assert.deepEqual(numbers(), [60, 61])
    logs.obey({ ...ALL, tail: 'debug' })
    assert.equal(numbers().length, 32)
    pass(2_000)
    await answer(...all.slice(20, 62), '62 '.padEnd(1024 * 1024, 'x'))
    assert.deepEqual(numbers(), [62])
  })

  it('is asked less often where many are followed, and tells no more than is wanted', async (t) => {
    const { logs, asked, told, answer, pass } = makeLogs(t)
    logs.obey({ ...ALL, backlog: 1, perSecond: 20 })
    await answer('first')
    pass(29_999)
    assert.equal(asked.length, 1)
    pass(1)
    assert.equal(asked.length, 2)
    await answer('first', ...Array.from({ length: 700 }, (_, n) => `${n}`))
    assert.match(told[1] ?? '', /^live 100,101,.*,699 100$/)
  })

  it('that cannot be read is said once, and read again', async (t) => {
    const { logs, told, faults, answer, fail, pass } = makeLogs(t)
    logs.obey(ALL)
    for (const why of ['no answer in time', 'the worker answered 500']) {
      await fail(why)
      pass(2_000)
    }
    await answer('a')
    pass(2_000)
    await fail('it is over 4 MiB')
    assert.deepEqual(told, ['live a 0'])
    assert.deepEqual(faults, [
      'its lines cannot be followed: no answer in time',
      'its lines cannot be followed: it is over 4 MiB',
    ])
  })
})

test('lines that were there are told from new ones, also where they are equal', () => {
  const count = (before: string, now: string) => countKnown([...before], [...now])
  assert.equal(count('', 'abc'), 0)
  assert.equal(count('abc', 'abc'), 3)
  assert.equal(count('abc', 'bcd'), 2)
  assert.equal(count('aab', 'aabaab'), 3)
  assert.equal(count('aaa', 'aaaa'), 3)
  assert.equal(count('abab', 'ababc'), 4)
  assert.equal(count('abcd', 'xyz'), 0)
  assert.equal(count('xab', 'ab'), 2)
  assert.equal(count('abc', ''), 0)
  assert.equal(count('ababx', 'ab'), 0)
})

test('a line says its instant, level and text in the usual ways, or is a text', () => {
  const cases: [string, Partial<ReturnType<typeof toEntry>>][] = [
    ['ready', { at: READ_AT, level: 'info', text: 'ready', source: 'worker' }],
    ['2026-01-02T03:04:05.678Z [WARN] low', { at: '2026-01-02T03:04:05.678Z', level: 'warn' }],
    ['[2026-01-02 03:04:05,5+01:00] fatal: gone', { at: '2026-01-02T02:04:05.500Z', level: 'error' }],
    ['\u001b[31mERROR\u001b[39m red\u0007', { level: 'error', text: 'ERROR red' }],
    [
      '{"level":40,"time":1767323045678,"pid":7,"msg":"slow"}',
      { at: '2026-01-02T03:04:05.678Z', level: 'warn', text: 'slow', fields: { pid: 7 } },
    ],
    [
      '{"at":"2026-01-02T03:04:05Z","level":"debug","text":"x","source":"f","run":"r_1"}',
      { at: '2026-01-02T03:04:05.000Z', level: 'debug', text: 'x', source: 'f', run: 'r_1' },
    ],
    ['{"level":"info"}', { text: '{"level":"info"}', level: 'info' }],
    ['{broken', { text: '{broken' }],
    ['{"msg":"x","time":"never","ts":1e300}', { at: READ_AT, text: 'x' }],
    [
      '{"msg":"x","ts":1767323045.678,"level":"constructor"}',
      { at: '2026-01-02T03:04:05.678Z', level: 'info' },
    ],
    ['{"msg":"x","ts":1767323045678901,"level":"__proto__"}', { at: READ_AT, level: 'info' }],
    ['{"msg":"x","time":"+010000-01-01T00:00:00Z"}', { at: READ_AT }],
    ['{"msg":"x","time":"1969-12-31T23:59:59Z"}', { at: READ_AT }],
    ['{"msg":"x","ts":-5}', { at: READ_AT }],
  ]
  for (const [line, said] of cases) {
    const entry = logEntrySchema.parse(toEntry(line, READ_AT))
    assert.deepEqual({ ...entry, ...said }, entry, line)
  }
  for (const line of ['x'.repeat(100_000), `{"msg":"${'x'.repeat(100_000)}"}`])
    assert.equal(logEntrySchema.parse(toEntry(line, READ_AT)).text.length, LIMITS.logLineText)
})
