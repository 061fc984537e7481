/** One worker's life at the balancer, against a scripted worker on a real socket (FAULTS B, C, F). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Hello, Slots } from '@berth/protocol'
import {
  endWith,
  FleetBench,
  makeAssignment,
  makeEntry,
  setUp,
  setUpReady,
  TERMS,
  until,
} from './testing/fleet-bench.ts'
import { hashOf, makeFunctions, makeHello, ScriptedWorker } from './testing/scripted-worker.ts'

const SLOTS: Slots = { limit: 4, used: 0, linked: 0, stuck: 0, queued: 0, queueLimit: 100 }

describe('greeting', () => {
  test('hello, welcome, maintenance, interface: then it is in service', async (t) => {
    const { bench, link } = await setUpReady(t, { hello: { tags: { gpu: 'h200' } } })
    const view = await bench.status('ready')
    const { at: _, ...welcome } = link.welcome
    assert.deepEqual(welcome, {
      type: 'welcome',
      protocol: 1,
      name: 'bench',
      bootId: 'balancer-boot',
      heartbeatIntervalMs: TERMS.heartbeatIntervalMs,
      heartbeatTimeoutMs: TERMS.heartbeatTimeoutMs,
      leaseMs: TERMS.leaseMs,
      adopt: [],
    })
    assert.deepEqual(
      link.messages.slice(0, 3).map(({ type }) => type),
      ['welcome', 'maintenance', 'interface'],
    )
    assert.deepEqual(view.functions, ['hello'])
    assert.deepEqual(view.tags, { gpu: 'h200' })
    assert.deepEqual([...(bench.workforce.facts.get('w1')?.functions.keys() ?? [])], ['hello'])
    const kinds = bench.writes.map(({ kind }) => kind)
    assert.deepEqual(kinds, ['interface-seen', 'worker-known'])
    assert.equal(bench.fleet.isSettled(), true)
  })

  test('a known interface is not asked for again', async (t) => {
    const functions = makeFunctions('hello', 'sleep')
    const interfaces = [{ hash: hashOf(functions), functions }]
    const { bench, worker } = await setUp(
      t,
      { functions, knowsInterface: false },
      { contents: { interfaces } },
    )
    const link = await worker.welcomed()
    await bench.status('ready')
    assert.ok(!link.messages.some(({ type }) => type === 'interface'))
  })

  test('before its hello nothing makes it ready, whatever was known before', async (t) => {
    const { bench, worker, link } = await setUpReady(t)
    worker.script.hello = null
    const serviceEvents = bench.workforce.count('set w1 in')
    link.socket.terminate()
    const next = await worker.link(1)
    bench.fleet.setRoster([makeEntry(worker.url, { weight: 5 })])
    next.say({ type: 'ping', id: 3 })
    await next.message('pong')
    assert.equal(bench.view()?.status, 'connecting')
    assert.equal(bench.workforce.count('set w1 in'), serviceEvents)
    bench.fleet.send(makeAssignment())
    next.say(makeHello(worker.script.functions))
    await next.message('maintenance')
    await bench.status('ready')
    assert.deepEqual(next.tasks, [])
  })

  for (const [what, say] of [
    ['a state', { type: 'state', seq: 9, status: 'ready', slots: SLOTS }],
    ['an interface', { type: 'interface', hash: hashOf([]), functions: [] }],
    ['log lines', { type: 'logs', lines: [], dropped: 0 }],
  ] as const)
    test(`${what} before the hello ends the link`, async (t) => {
      const { bench, worker } = await setUp(t, { hello: null })
      const link = await worker.link()
      link.say(say)
      assert.equal((await link.closed).code, 1002)
      await bench.status('unreachable')
      assert.ok(bench.view()?.reason?.includes('before hello'))
    })

  test('a second hello on one link ends it', async (t) => {
    const { worker, link } = await setUpReady(t)
    link.say(makeHello(worker.script.functions, { seq: 2 }))
    const { code, reason } = await link.closed
    assert.equal(code, 1002)
    assert.match(reason, /second hello/)
  })

  test('no hello: the fleet does not wait for it longer than for a dial, then the link is cut', async (t) => {
    const terms = { discoveryTimeoutMs: 600, leaseMs: 3_000 }
    const { bench, worker } = await setUp(t, { hello: null }, { terms })
    const link = await worker.link()
    await bench.event('settled')
    assert.equal(bench.view()?.status, 'connecting')
    assert.equal((await link.closed).code, 1002)
    const view = await bench.status('unreachable')
    assert.match(view.reason ?? '', /did not say what it can do/)
  })

  test('no answer to `interface`: the same', async (t) => {
    const terms = { discoveryTimeoutMs: 600, leaseMs: 3_000 }
    const { bench, worker } = await setUp(t, { knowsInterface: false }, { terms })
    const link = await worker.welcomed()
    await bench.event('settled')
    assert.equal(bench.view()?.status, 'connecting')
    assert.equal((await link.closed).code, 1002)
    assert.equal(bench.workforce.facts.size, 0)
  })

  test('an interface of another hash is refused, and nothing of it is believed', async (t) => {
    const { bench } = await setUp(t, { hello: { interface: hashOf(makeFunctions('other')) } })
    const view = await bench.status('mismatch')
    assert.match(view.reason ?? '', /does not have the hash/)
    assert.equal(bench.workforce.facts.size, 0)
    assert.deepEqual(bench.writes, [])
  })

  test('another version of the link is refused', async (t) => {
    const { bench, worker } = await setUp(t, { hello: { protocol: 2 } })
    const link = await worker.link()
    assert.equal((await link.closed).code, 4003)
    assert.match((await bench.status('mismatch')).reason ?? '', /version 2 of the link/)
    worker.script.hello = {}
    await bench.status('ready')
  })

  test('another group than the file expects is a mismatch as long as the file says so', async (t) => {
    const worker = endWith(t, await ScriptedWorker.start({ hello: { group: 'gpu' } }))
    const bench = new FleetBench(t)
    bench.fleet.setRoster([makeEntry(worker.url, { group: 'default' })])
    assert.match((await bench.status('mismatch')).reason ?? '', /serves group "gpu".*expects "default"/)
    await bench.event('set w1 out (in mismatch)')
    bench.fleet.setRoster([makeEntry(worker.url, { group: 'gpu' })])
    assert.equal(bench.view()?.status, 'ready')
    assert.equal(worker.links.length, 1)
  })
})

describe('dialling', () => {
  test('refused: the process is known to be gone, and its return is noticed', async (t) => {
    const { bench, worker, link } = await setUpReady(t)
    const { port } = worker
    await worker.stop()
    await link.closed
    await bench.event('troubled w1 unlinked')
    await bench.event('gone w1')
    assert.match((await bench.status('unreachable')).reason ?? '', /nothing listens/)
    const again = endWith(t, await ScriptedWorker.start({ hello: { bootId: 'boot-0000-2' } }, port))
    await again.welcomed()
    await bench.status('ready')
  })

  test('wrong keys: told once, not as gone, and tried again', async (t) => {
    const { bench, worker } = await setUp(t, { refuseWith: 401 })
    assert.match((await bench.status('unreachable')).reason ?? '', /refuses our keys/)
    await bench.event('settled')
    worker.script.refuseWith = undefined
    await bench.status('ready')
    assert.equal(bench.logged('worker unreachable'), 1)
    assert.equal(bench.workforce.count('gone w1'), 0)
  })

  test('a key of the entry is used, and one that no header can carry does not end the process', async (t) => {
    const worker = endWith(t, await ScriptedWorker.start())
    const bench = new FleetBench(t)
    bench.fleet.setRoster([makeEntry(worker.url, { key: 'ключ' })])
    assert.match((await bench.status('unreachable')).reason ?? '', /no header can carry/)
    bench.fleet.setRoster([makeEntry(worker.url, { key: 'its-own' })])
    const link = await worker.welcomed()
    assert.equal(link.request.headers.authorization, 'its-own')
    assert.equal(link.request.headers['x-lb-auth'], 'fleet-key')
  })

  test('a link that lasted is dialled again at once', async (t) => {
    const { bench, worker, link } = await setUpReady(
      t,
      {},
      { terms: { discoveryIntervalMs: 50, heartbeatIntervalMs: 50 } },
    )
    await link.until(() => link.messages.filter(({ type }) => type === 'ping')[1], 'two heartbeats')
    const cutAt = performance.now()
    link.socket.terminate()
    await worker.welcomed(1)
    assert.ok(performance.now() - cutAt < 10_000)
    await bench.status('ready')
  })

  test('links that do not last are dialled with growing delay', async (t) => {
    const { bench, worker } = await setUp(t, {}, { terms: { discoveryIntervalMs: 400 } })
    const openedAt: number[] = []
    for (let i = 0; i < 4; i++) {
      const link = await worker.welcomed(i)
      openedAt.push(performance.now())
      link.socket.terminate()
    }
    const gaps = openedAt.slice(1).map((at, i) => at - (openedAt[i] as number))
    assert.ok(
      gaps.every((gap) => gap > 40),
      `${gaps}`,
    )
    assert.ok((gaps[2] as number) > 150, `${gaps}`)
    assert.ok(bench.logged('link to worker ended') >= 3)
  })

  test('a worker that answers nothing is unreachable, others are not held up', async (t) => {
    const { bench } = await setUp(t, { isMute: true }, { terms: { discoveryTimeoutMs: 80 } })
    assert.match((await bench.status('unreachable')).reason ?? '', /no answer in time/)
    assert.equal(bench.workforce.count('gone w1'), 0)
  })
})

describe('after a cut', () => {
  test('a sample of it is of a worker that is not linked, and has no system', async (t) => {
    const { bench, worker } = await setUpReady(t)
    const sample = () => [...bench.fleet.samples()].map(({ isLinked, system }) => [isLinked, system !== null])
    assert.deepEqual(sample(), [[true, true]])
    await worker.stop()
    await bench.status('unreachable')
    assert.deepEqual(sample(), [[false, false]])
  })

  test('the same boot: what it started is offered to the core, and what is adopted goes on', async (t) => {
    const { bench, worker, link } = await setUpReady(t)
    bench.fleet.send(makeAssignment({ attemptId: 7, run: 'r_1', fence: 3 }))
    await link.task()
    const started = [{ run: 'r_1', fence: 3, durable: false, finished: false }]
    worker.script.hello = { seq: 10, started }
    bench.workforce.adopts = (listed) => listed.map(({ run, fence }) => ({ run, fence, task: 7 }))
    link.socket.terminate()
    const next = await worker.welcomed(1)
    assert.deepEqual(next.welcome.adopt, [{ run: 'r_1', fence: 3, task: 7 }])
    assert.equal(bench.workforce.count('gone w1'), 0)
    next.end(7, 'done')
    await bench.event('finished w1 7 completed')
    const order = ['troubled w1 unlinked', 'relinked w1 [r_1]', 'finished w1 7 completed']
    const seen = bench.workforce.events.filter((event) => order.includes(event))
    assert.deepEqual(seen, order)
  })

  test('another boot: the old process is gone before the new one is linked', async (t) => {
    const { bench, worker, link } = await setUpReady(t)
    worker.script.hello = { bootId: 'boot-0000-2' }
    link.socket.terminate()
    await worker.welcomed(1)
    await bench.status('ready')
    const { events } = bench.workforce
    assert.ok(events.indexOf('gone w1') > events.indexOf('troubled w1 unlinked'))
    assert.ok(events.lastIndexOf('relinked w1 []') > events.indexOf('gone w1'))
  })

  test('processes that answer at one address by turns are told of', async (t) => {
    const { bench, worker } = await setUpReady(t)
    const text = 'several processes answer at one address by turns; give each an entry of its own'
    for (const [turn, bootId] of ['boot-0000-2', 'boot-0000-3', 'boot-0000-2'].entries()) {
      assert.equal(bench.logged(text), 0)
      worker.script.hello = { bootId }
      worker.links[turn]?.socket.terminate()
      await worker.welcomed(turn + 1)
    }
    assert.equal(bench.logged(text), 1)
  })

  test('another boot with another interface serves what it says now', async (t) => {
    const { bench, worker, link } = await setUpReady(t)
    worker.script.functions = makeFunctions('other')
    worker.script.hello = { bootId: 'boot-0000-2', contract: 2 }
    link.socket.terminate()
    await worker.welcomed(1)
    await until(() => bench.workforce.facts.get('w1')?.functions.has('other'), 'the new functions')
    assert.equal(bench.workforce.facts.get('w1')?.contract, 2)
    assert.deepEqual((await bench.status('ready')).functions, ['other'])
  })
})

describe('state', () => {
  test('slots, tags, services and status follow the pushes; older ones are passed over', async (t) => {
    const { bench, link } = await setUpReady(t)
    link.state({ seq: 5, slots: { ...SLOTS, limit: 2, used: 2, linked: 1, queued: 3 }, tags: { a: '1' } })
    const full = await bench.status('saturated')
    assert.deepEqual(full.slots, { limit: 2, used: 2, stuck: 0, available: 0, queue: 3 })
    assert.ok(bench.workforce.events.includes('pushed w1 2 1'))
    link.state({ seq: 4, slots: SLOTS })
    link.state({ seq: 6, status: 'unready', reason: 'db is down', slots: SLOTS })
    const unready = await bench.status('unready')
    assert.equal(unready.reason, 'db is down')
    assert.deepEqual(unready.tags, { a: '1' })
    assert.equal(unready.slots?.available, 0)
    assert.equal(bench.workforce.count('pushed w1 4 0'), 2, 'at its begin and by seq 6, not by seq 4')
    link.state({ seq: 7, status: 'draining', slots: SLOTS })
    await bench.status('draining')
  })

  test('occupancy of frames counts until an older or impossible one', async (t) => {
    const { bench, link } = await setUpReady(t)
    for (const occupancy of [
      { seq: 9, used: 4, linked: 1, queued: 2 },
      { seq: 8, used: 0, linked: 0, queued: 0 },
      { seq: 10, used: 1, linked: 2, queued: 0 },
      { seq: 10, used: 4_000_000_000, linked: 0, queued: 0 },
    ]) {
      link.occupancy = occupancy
      link.record(0x60, 1)
      link.flush()
    }
    link.say({ type: 'ping', id: 1 })
    await link.message('pong')
    const slots = bench.view()?.slots
    assert.deepEqual(slots, { limit: 4, used: 4, stuck: 0, available: 0, queue: 2 })
    assert.ok(bench.workforce.events.includes('pushed w1 4 3'))
    assert.equal(bench.logged('worker reports slots that cannot be; what it said before counts'), 1)
  })

  for (const [what, slots] of Object.entries({
    negative: { limit: -1 },
    zero: { limit: 0 },
    fractional: { limit: 1.5 },
    text: { limit: '10' },
    null: { limit: null },
    'a billion': { limit: 1e9 },
    '2^53': { used: 2 ** 53 },
    'more stuck than used': { stuck: 3 },
    'more linked than used': { linked: 3 },
  }))
    test(`slots that are ${what} never count`, async (t) => {
      const { bench, link } = await setUpReady(t)
      const pushes = bench.workforce.events.filter((event) => event.startsWith('pushed'))
      link.say({ type: 'state', seq: 9, status: 'ready', slots: { ...SLOTS, ...slots } })
      assert.equal((await link.closed).code, 1002)
      await bench.event('troubled w1 unlinked')
      assert.deepEqual(new Set(pushes), new Set(['pushed w1 4 0']))
    })

  test('silence makes it stalled, a frame brings it back, the lease ends the link', async (t) => {
    const terms = { heartbeatIntervalMs: 40, heartbeatTimeoutMs: 40, leaseMs: 400 }
    const { bench, worker, link } = await setUpReady(t, {}, { terms })
    link.onPing = () => {}
    const view = await bench.status('stalled')
    assert.match(view.reason ?? '', /silent/)
    await bench.event('troubled w1 silent')
    link.state({ seq: 3 })
    await bench.event('recovered w1')
    assert.equal(bench.view()?.status, 'ready')
    assert.equal((await link.closed).code, 4004)
    worker.script.hello = {}
    await worker.welcomed(1)
  })

  test('pings are answered both ways and measure the round trip', async (t) => {
    const { bench, link } = await setUpReady(t, {}, { terms: { heartbeatIntervalMs: 20 } })
    await until(() => bench.view()?.latencyMs, 'a latency')
    const last = await link.message('ping')
    link.say({ type: 'pong', id: last.id + 1_000_000 })
    link.say({ type: 'ping', id: 77 })
    const pong = await link.message('pong')
    assert.equal(pong.id, 77)
    link.socket.terminate()
    await bench.event('troubled w1 unlinked')
    assert.equal(bench.view()?.latencyMs, null)
  })
})

test('a hello may be as large as a fleet needs: 64 tags, 1,000 services, 20,000 started tasks', async (t) => {
  const tags = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`tag-${i}`, 'x'.repeat(128)]))
  const services = Array.from({ length: 1000 }, (_, i) => ({ name: `s${i}`, state: 'running' }))
  const started: Hello['started'] = Array.from({ length: 20_000 }, (_, i) => ({
    run: `r_${String(i).padStart(26, '0')}`,
    fence: i,
    durable: false,
    finished: false,
  }))
  const { bench } = await setUpReady(t, { hello: { tags, services, started } })
  const view = await bench.status('ready')
  assert.equal(view.services.length, 1000)
  assert.equal(Object.keys(view.tags).length, 64)
})

for (const [what, changes] of Object.entries({
  'a name that is none': { name: '<img src=x>' },
  'a group that is none': { group: '../etc' },
  'a contract of 0': { contract: 0 },
  'a hash that is none': { interface: 'x' },
  'a short boot id': { bootId: 'b' },
  '65 tags': { tags: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`t${i}`, 1])) },
  'a tag `__proto__`': { tags: JSON.parse('{"__proto__": "x"}') },
}))
  test(`a hello with ${what} ends the link and changes nothing`, async (t) => {
    const { bench, worker } = await setUp(t, { hello: changes })
    assert.equal((await (await worker.link()).closed).code, 1002)
    await bench.status('unreachable')
    assert.equal(bench.workforce.facts.size, 0)
  })
