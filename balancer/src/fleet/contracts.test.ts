/** Which interface of a group and contract is right, and who is odd: pictures come, change and go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FunctionInterface } from '@berth/protocol'
import { Contracts } from './contracts.ts'
import { Interfaces } from './interfaces.ts'
import { factsOf, judge, newPicture, type Picture } from './picture.ts'
import { reportFrom } from './self-report.ts'
import { endWith, FleetBench, makeEntry, until } from './testing/fleet-bench.ts'
import { hashOf, makeFunctions, makeHello, ScriptedWorker } from './testing/scripted-worker.ts'

const GRACE_MS = 30_000

type Properties = Record<string, object>

function functionsWith(
  properties: Properties,
  changes: Partial<FunctionInterface> = {},
): FunctionInterface[] {
  const input = { type: 'object', properties, additionalProperties: false }
  return makeFunctions('hello').map((each) => ({ ...each, input, ...changes }))
}

const RIGHT = functionsWith({ name: { type: 'number' } })
const WRONG = functionsWith({ name: { type: 'string' } })
const WIDER = functionsWith({ name: { type: 'number' }, times: { type: 'integer' } })
const NARROW = functionsWith({ name: { type: 'number', maximum: 5 } })
const kept = new Interfaces(() => [])
const known = (functions: FunctionInterface[]) => kept.restore(hashOf(functions), functions)

/** Pictures by id around one `Contracts`. */
class Yard {
  now = 1_000_000
  isSettled = false
  readonly pictures = new Map<string, Picture>()
  readonly turned: string[] = []
  readonly contracts = new Contracts({
    now: () => this.now,
    isSettled: () => this.isSettled,
    graceMs: GRACE_MS,
    onJudged: (keys) => this.turned.push(...keys),
  })

  add(id: string, functions: FunctionInterface[], hello: object = {}, more: Partial<Picture> = {}): Picture {
    const report = reportFrom(makeHello(functions, hello))
    const base = newPicture(id, makeEntry(`http://${id}`, { id }))
    return this.change(id, { ...base, link: 'open', report, known: known(functions), ...more })
  }

  change(id: string, changes: Partial<Picture>): Picture {
    const picture = Object.assign(this.pictures.get(id) ?? {}, changes) as Picture
    this.pictures.set(id, picture)
    this.contracts.place(picture)
    return picture
  }

  get odd(): string[] {
    return [...this.pictures].filter(([, { oddity }]) => oddity).map(([id]) => id)
  }
}

const intent = { worker: '', reason: null, since: '', until: null, deadline: null, by: null }

test('the majority is right, whoever came first; the odd one says how it differs', () => {
  const yard = new Yard()
  const odd = yard.add('w1', WRONG)
  assert.deepEqual(yard.odd, [])
  yard.add('w2', RIGHT)
  assert.deepEqual(yard.odd, ['w2'])
  yard.add('w3', RIGHT)
  assert.deepEqual([yard.odd, yard.turned], [['w1'], ['w1', 'w2']])
  yard.add('w4', RIGHT)
  const verdict = judge(odd)
  assert.equal(verdict.status, 'mismatch')
  assert.equal(verdict.isInService, false)
  assert.equal(verdict.reason, 'hello: input.name is a string here and a number at 3 other workers')
  assert.equal(factsOf(odd)?.outReason, 'in mismatch')
})

test('a difference that cannot make a valid call fail sets nobody apart', () => {
  for (const other of [
    WIDER,
    functionsWith({ name: { type: 'number' } }, { description: 'other words' }),
    functionsWith({ name: { type: ['string', 'number'], description: 'x', examples: [1] } }),
    [...RIGHT, ...makeFunctions('more')],
    functionsWith(
      { name: { type: 'number' } },
      { supportsStreaming: true, timeoutMs: 5, slots: 2, maxRetries: 9 },
    ),
    functionsWith({ name: { type: 'number' } }, { output: { type: 'string' } }),
  ]) {
    const yard = new Yard()
    for (const id of ['w1', 'w2']) yard.add(id, RIGHT)
    yard.add('w3', other)
    assert.deepEqual(yard.odd, [], JSON.stringify(other))
  }
})

test('a worker of another make, which cannot say whether it streams, sets nobody apart who does not', () => {
  const yard = new Yard()
  yard.add('w1', functionsWith({}, { supportsStreaming: true, isStreamingUnknown: true }))
  yard.add('w2', functionsWith({}))
  assert.deepEqual(yard.odd, [])
})

test('one that can does: a parameter less, a narrower bound, no streams', () => {
  for (const [right, other, reason] of [
    [WIDER, RIGHT, /^hello: input\.times is not taken here and a whole number at 2 other workers$/],
    [RIGHT, NARROW, /^hello: input\.name is at most 5 here and any at 2/],
    [
      functionsWith({}, { supportsStreaming: true }),
      functionsWith({}),
      /^hello: does not stream here and does at 2/,
    ],
  ] as const) {
    const yard = new Yard()
    for (const id of ['w1', 'w2']) yard.add(id, right)
    assert.match(yard.add('w3', other).oddity?.reason ?? '', reason)
  }
})

test('groups and contracts are judged apart', () => {
  const yard = new Yard()
  for (const id of ['w1', 'w2']) yard.add(id, RIGHT)
  yard.add('w3', WRONG, { contract: 2 })
  yard.add('w4', WRONG, { group: 'gpu' })
  assert.deepEqual(yard.odd, [])
  const elsewhere = yard.add('w5', WRONG, {}, { entry: makeEntry('http://w5', { group: 'gpu' }) })
  assert.match(judge(elsewhere).reason ?? '', /workers.json expects "gpu"/)
  yard.add('w6', WRONG, {}, { entry: makeEntry('http://w6', { group: 'gpu' }) })
  yard.add('w7', WRONG, {}, { entry: makeEntry('http://w7', { group: 'gpu' }) })
  assert.deepEqual(yard.odd, [], 'who is not expected in the group has no say in it')
})

test('on a tie the one that has served longer is right, by the uptime of its workers', () => {
  const uptime = (uptimeS: number) => ({
    system: { cpuLoad: 0, memoryUsed: 0, eventLoopDelayMs: 0, uptimeS },
  })
  const yard = new Yard()
  yard.add('w1', WRONG, uptime(5))
  yard.add('w2', RIGHT, uptime(500))
  assert.deepEqual(yard.odd, ['w1'])
  yard.isSettled = true
  yard.add('w3', WRONG, uptime(5_000))
  assert.deepEqual(yard.odd, ['w2'], 'two are more than one')
  yard.add('w4', RIGHT, uptime(9_000))
  assert.deepEqual(yard.odd, ['w2', 'w4'], 'what is right stays so while half can serve it')
})

test('a release that widens sets nobody apart on its way, one that breaks does', () => {
  const yard = new Yard()
  for (const id of ['w1', 'w2', 'w3']) yard.add(id, RIGHT)
  yard.isSettled = true
  for (const id of ['w1', 'w2', 'w3']) {
    yard.change(id, { known: known(WIDER) })
    assert.deepEqual(yard.odd, [])
  }
  yard.change('w1', { known: known(WRONG) })
  assert.deepEqual(yard.odd, ['w1'])
  yard.change('w2', { known: known(WRONG) })
  assert.deepEqual(yard.odd, ['w3'])
  yard.change('w3', { known: known(WRONG) })
  assert.deepEqual(yard.odd, [])
})

test("maintenance takes nobody's say: putting away those who are right makes the odd one no better", () => {
  for (const isSettled of [false, true]) {
    const yard = new Yard()
    for (const id of ['w1', 'w2']) yard.add(id, RIGHT)
    yard.add('w3', WRONG)
    yard.isSettled = isSettled
    yard.change('w1', { intent })
    yard.change('w2', { entry: { ...makeEntry('http://w2', { id: 'w2' }), maintenance: true } })
    assert.deepEqual([yard.odd, yard.turned], [['w3'], []])
    yard.change('w1', { intent: undefined })
    assert.deepEqual(yard.odd, ['w3'])
  }
})

test('who is gone has no say; who is cut off for a moment has', () => {
  const yard = new Yard()
  yard.add('w1', RIGHT)
  yard.add('w2', RIGHT)
  yard.add('w3', WRONG)
  yard.change('w1', { link: 'none' })
  assert.deepEqual(yard.odd, ['w3'])
  yard.change('w1', { problem: { status: 'unreachable', reason: 'refused' } })
  yard.now += GRACE_MS
  yard.contracts.sweep()
  assert.deepEqual(yard.odd, ['w3'], 'one each: who has been right goes on')
  yard.add('w4', WRONG)
  assert.deepEqual(yard.odd, ['w1', 'w2'])
  yard.change('w2', { intent })
  assert.equal(judge(yard.pictures.get('w2') as Picture).status, 'maintenance', 'put away, not accused')
  yard.change('w2', { intent: undefined })
  yard.change('w4', { isLeaving: true })
  yard.change('w1', { link: 'open', problem: null })
  assert.deepEqual(yard.odd, ['w3'])
  for (const id of ['w1', 'w2']) yard.change(id, { isLeaving: true })
  assert.deepEqual(yard.odd, [])
  yard.contracts.forget('w3')
  yard.contracts.forget('w3')
  assert.equal(yard.add('w4', RIGHT).oddity, undefined)
})

test('when all who are right go down for a moment, the odd one stays out, and takes over when they stay away', () => {
  const yard = new Yard()
  for (const id of ['w1', 'w2']) yard.add(id, RIGHT)
  yard.add('w3', WRONG)
  yard.isSettled = true
  const problem = { status: 'unreachable', reason: 'refused' } as const
  for (const id of ['w1', 'w2']) yard.change(id, { link: 'none', problem })
  yard.now += GRACE_MS - 1
  yard.contracts.sweep()
  assert.deepEqual(yard.odd, ['w3'])
  yard.change('w2', { link: 'open', problem: null })
  yard.change('w2', { link: 'none', problem })
  yard.now += 1
  yard.contracts.sweep()
  assert.deepEqual(yard.odd, ['w3'], 'w2 was there a moment ago')
  yard.now += GRACE_MS
  yard.turned.length = 0
  yard.contracts.sweep()
  assert.equal(yard.pictures.get('w3')?.oddity, undefined)
  assert.ok(yard.turned.includes('w3'))
})

test('what the store remembers counts until its worker has answered or failed', () => {
  const yard = new Yard()
  const place = { link: 'none', report: undefined, remembered: { group: 'default', contract: 1 } } as const
  for (const id of ['w1', 'w2']) yard.add(id, RIGHT, {}, place)
  assert.notEqual(yard.add('w3', WRONG).oddity, undefined, 'the first to link is not right by that')
  for (const id of ['w1', 'w2']) yard.change(id, { problem: { status: 'unreachable', reason: '' } })
  assert.equal(yard.pictures.get('w3')?.oddity, undefined)
})

test('on a tie after a restart of the balancer, what has been seen for longer is right', () => {
  const uptime = (uptimeS: number) =>
    reportFrom(makeHello(RIGHT, { system: { cpuLoad: 0, memoryUsed: 0, eventLoopDelayMs: 0, uptimeS } }))
  const yard = new Yard()
  const past = (ageMs: number): Partial<Picture> => ({
    link: 'none',
    report: undefined,
    remembered: { group: 'default', contract: 1, sinceAt: yard.now - ageMs },
  })
  yard.add('w1', WRONG, {}, past(50_000))
  yard.add('w2', RIGHT, {}, past(60_000))
  assert.deepEqual(yard.odd, ['w1'])
  yard.change('w1', { link: 'open', report: uptime(55) })
  assert.deepEqual(yard.odd, ['w1'])
  yard.change('w2', { link: 'open', report: uptime(3) })
  assert.deepEqual(yard.odd, ['w1'], 'a worker that was started anew serves what it served before')
  const young = new Yard()
  young.add('w1', WRONG, {}, past(1))
  young.add('w2', RIGHT, {}, past(0))
  assert.deepEqual(young.odd, ['w2'])
  young.change('w2', { link: 'open', report: uptime(60) })
  assert.deepEqual(young.odd, ['w1'], 'it had served before anybody saw it')
})

test('a thousand different interfaces are judged in reasonable time', () => {
  const yard = new Yard()
  const before = process.cpuUsage()
  for (let i = 0; i < 1_000; i++) yard.add(`w${i}`, functionsWith({ name: { type: 'number', maximum: i } }))
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 5_000_000, `${(user + system) / 1000} ms of CPU`)
})

test('10,000 equal workers keep one interface, and a push costs them next to nothing', () => {
  const yard = new Yard()
  for (let i = 0; i < 10_000; i++) yard.add(`w${i}`, RIGHT)
  const before = process.cpuUsage()
  for (let round = 0; round < 10; round++)
    for (const picture of yard.pictures.values()) yard.contracts.place(picture)
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 2_000_000, `${(user + system) / 1000} ms of CPU`)
  assert.equal(new Set([...yard.pictures.values()].map((picture) => picture.known)).size, 1)
})

test('in a fleet: the odd one takes nothing, the core hears of it, and a corrected one is back', async (t) => {
  const bench = new FleetBench(t)
  const workers: ScriptedWorker[] = []
  for (const functions of [WRONG, RIGHT, RIGHT])
    workers.push(
      endWith(t, await ScriptedWorker.start({ functions, hello: { bootId: `boot-000${workers.length}` } })),
    )
  bench.fleet.setRoster(workers.map(({ url }, i) => makeEntry(url, { id: `w${i + 1}` })))
  const odd = await bench.status('mismatch')
  assert.equal(odd.reason, 'hello: input.name is a string here and a number at 2 other workers')
  assert.equal(odd.slots?.available, 0)
  await bench.status('ready', 'w2')
  await bench.status('ready', 'w3')
  await bench.event('set w1 out (in mismatch)')
  assert.equal(bench.workforce.facts.get('w1')?.isInService, false)
  const said = (text: string) =>
    bench.log.entries().filter((entry) => entry.text === text && entry.worker === 'w1')
  const [line] = said('worker set apart: it does not serve what the others serve')
  assert.match(String(line?.reason), /^hello: input\.name is a string here and a number at/)
  const [first] = workers
  if (!first) return
  first.script.functions = RIGHT
  first.script.hello = { bootId: 'boot-0009' }
  ;(await first.welcomed()).socket.terminate()
  await bench.status('ready')
  await until(() => said('worker serves what the others serve').length === 1, 'said in the log')
})

test('in a fleet: with those in maintenance who are right the odd one stays out, over a restart of the balancer too', async (t) => {
  const workers: ScriptedWorker[] = []
  for (const functions of [WRONG, RIGHT, RIGHT])
    workers.push(
      endWith(t, await ScriptedWorker.start({ functions, hello: { bootId: `boot-010${workers.length}` } })),
    )
  const roster = workers.map(({ url }, i) => makeEntry(url, { id: `w${i + 1}` }))
  const intents = ['w2', 'w3'].map((worker) => ({ ...intent, worker, since: '2026-01-01T00:00:00.000Z' }))
  const interfaces = [WRONG, RIGHT].map((functions) => ({ hash: hashOf(functions), functions }))
  const known = [WRONG, RIGHT, RIGHT].map((functions, i) => ({
    worker: `w${i + 1}`,
    group: 'default',
    contract: 1,
    interfaceHash: hashOf(functions),
    seenAt: '2026-01-01T00:00:00.000Z',
  }))
  for (const contents of [{}, { intents, interfaces, workers: known }]) {
    const bench = new FleetBench(t, { contents })
    bench.fleet.setRoster(roster)
    await bench.status('mismatch')
    for (const id of ['w2', 'w3']) bench.fleet.setMaintenance(id, { on: true, reason: null, until: null })
    for (const id of ['w2', 'w3']) await bench.status('maintenance', id)
    assert.equal(bench.view()?.status, 'mismatch')
    assert.equal(bench.workforce.facts.get('w1')?.isInService, false)
    // Without a memory the first to link is alone, and right.
    if ('workers' in contents) assert.equal(bench.workforce.count('set w1 in'), 0, 'it never was in service')
    bench.fleet.stop()
  }
})
