/** One entry is one line, secrets never leave, and the ring keeps the newest. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, type LogEntry, type LogOptions } from './log.ts'

function makeLog(options: Partial<LogOptions> = {}) {
  const written: string[] = []
  const now = () => Date.UTC(2026, 0, 2, 3, 4, 5, 6)
  const log = createLog({ source: 'balancer', write: (line) => written.push(line), now, ...options })
  return { log, written }
}

test('a JSON line carries instant, level, text, source and fields', () => {
  const { log, written } = makeLog()
  log.warn('link lost', { worker: 'w1', n: 2 })
  assert.equal(
    written[0],
    '{"at":"2026-01-02T03:04:05.006Z","level":"warn","text":"link lost","source":"balancer","worker":"w1","n":2}',
  )
})

test('a pretty line reads from left to right', () => {
  const { log, written } = makeLog({ format: 'pretty' })
  log.info('ready', { port: 4000, note: 'two words', empty: '' })
  assert.equal(written[0], '03:04:05.006 info  balancer: ready port=4000 note="two words" empty=""')
})

test('entries under the level are neither written nor kept', () => {
  const { log, written } = makeLog({ level: 'warn' })
  log.debug('a')
  log.info('b')
  log.warn('c')
  log.error('d')
  assert.deepEqual([written.length, log.entries().map(({ text }) => text)], [2, ['c', 'd']])
})

for (const format of ['json', 'pretty'] as const) {
  test(`no value can forge a ${format} line or command a terminal`, () => {
    const { log, written } = makeLog({ format })
    const nasty = 'a\nb\r\u001b[31m\u009b\u2028\u2029\u202e\u0000\u007f'
    log.info(nasty, { [nasty]: nasty, deep: { list: [nasty] }, error: new Error(nasty) })
    assert.equal(written.length, 1)
    assert.doesNotMatch(written[0] ?? '', /[\p{Cc}\u2028\u2029\u202e]/u)
  })

  test(`secrets are replaced in every place of a ${format} line`, () => {
    const { log, written } = makeLog({ format, redact: ['s3cr', 's3cret"key', '', '424242'] })
    const secret = 's3cret"key'
    const error = new Error(`bad ${secret}`, { cause: { header: secret } })
    log
      .child({ bound: secret })
      .info(`key ${secret}`, { [secret]: [secret], error, pin: 424242, short: 's3cr' })
    const all = `${written.join()}${log.lines().join()}${JSON.stringify(log.entries())}`
    assert.doesNotMatch(all, /s3cr|ret.{0,2}key|424242/)
    assert.match(all, /\*\*\*/)
  })
}

test('a child hides texts of its own, asked for at each of its entries', () => {
  const { log, written } = makeLog({ redact: ['name-and-more'] })
  const secrets = ['name']
  let asked = 0
  const child = log.child({ run: 'r' }, undefined, () => {
    asked++
    return secrets
  })
  child.debug('not written, not asked')
  assert.equal(asked, 0)
  child.info('a name-and-more, a name', { who: ['name'] })
  secrets.push('later')
  child.child({ deep: true }).info('later')
  log.info('name')
  const texts = written.map((line) => JSON.parse(line))
  assert.deepEqual([texts[0].text, texts[0].who], ['a ***, a ***', ['***']])
  assert.deepEqual([texts[1].text, texts[2].text], ['***', 'name'])
})

test('a secret is not half-shown where a long text is cut', () => {
  const { log } = makeLog({ redact: ['topsecret'] })
  log.info(`${'x'.repeat(8188)}topsecret${'y'.repeat(20_000)}`)
  assert.doesNotMatch(log.lines()[0] ?? '', /top/)
  assert.ok((log.lines()[0] ?? '').length < 9000)
})

test('a JSON line with controls still parses to the same text', () => {
  const { log, written } = makeLog()
  const text = 'line\u2028 next\u009b \\n "quoted"'
  log.info(text)
  assert.equal(JSON.parse(written[0] ?? '').text, text)
})

test('fields cannot replace instant, level or text; a source may', () => {
  const { log } = makeLog()
  log
    .child({ source: 'fleet' })
    .info('real', { at: 'x', level: 'y', text: 'z', __proto__: { polluted: true } })
  const [entry] = log.entries()
  assert.deepEqual([entry?.text, entry?.level, entry?.source, entry?.text_], ['real', 'info', 'fleet', 'z'])
})

test('values of every kind are shown plainly', () => {
  const { log } = makeLog()
  const circle: Record<string, unknown> = {}
  circle.self = circle
  const thrower = Object.defineProperty({}, 'x', {
    enumerable: true,
    get() {
      throw new Error('no')
    },
  })
  log.info('all', {
    big: 10n,
    nan: Number.NaN,
    none: undefined,
    circle,
    thrower,
    bytes: new Uint8Array(3),
    date: new Date(0),
  })
  const [entry] = log.entries()
  assert.deepEqual(
    [entry?.big, entry?.nan, entry?.thrower, entry?.bytes, entry?.date],
    ['10', 'NaN', '[unreadable]', '[3 bytes]', '1970-01-01T00:00:00.000Z'],
  )
  assert.ok(entry !== undefined && !('none' in entry))
})

test('the ring keeps the newest, oldest first', () => {
  const { log } = makeLog({ capacity: 3 })
  for (const text of ['a', 'b']) log.info(text)
  assert.deepEqual(
    log.entries().map(({ text }) => text),
    ['a', 'b'],
  )
  for (const text of ['c', 'd', 'e']) log.info(text)
  assert.deepEqual(
    log.entries().map(({ text }) => text),
    ['c', 'd', 'e'],
  )
  assert.equal(log.lines().length, 3)
  assert.deepEqual(makeLog({ capacity: 0 }).log.lines(), [])
})

test('entries since an instant leave out that instant', () => {
  let nowMs = 0
  const { log } = makeLog({ now: () => nowMs })
  for (nowMs of [1000, 2000, 3000]) log.info(String(nowMs))
  assert.deepEqual(
    log.entries('1970-01-01T00:00:02.000Z').map(({ text }) => text),
    ['3000'],
  )
})

test('followers get what children log, until they end it', () => {
  const { log } = makeLog()
  const seen: LogEntry[] = []
  const end = log.follow((entry) => seen.push(entry))
  log.child({ run: 'r_1' }).info('one')
  end()
  log.info('two')
  assert.deepEqual(
    seen.map(({ text, run }) => [text, run]),
    [['one', 'r_1']],
  )
})

test('a follower that throws is dropped, and one that logs does not call itself', () => {
  const { log } = makeLog()
  let calls = 0
  log.follow(() => {
    calls++
    throw new Error('broken')
  })
  let echoes = 0
  log.follow(() => {
    echoes++
    log.info('echo')
  })
  log.info('one')
  log.info('two')
  assert.deepEqual([calls, echoes, log.entries().length], [1, 2, 4])
})

test('writes() says which levels are kept, also for a child', () => {
  const log = createLog({ source: 'a', level: 'warn', write: () => {} })
  for (const each of [log, log.child({ run: 'r_1' })])
    assert.deepEqual(
      (['debug', 'info', 'warn', 'error'] as const).map((level) => each.writes(level)),
      [false, false, true, true],
    )
})
