/** The whole list at once: how many dials, who waits for whom, what outlives what; some with the real core. */
import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { ANY_WORKER, type LogEntry } from '@berth/protocol'
import { wholeOf } from '@berth/runtime'
import { Scheduler } from '../core/scheduler.ts'
import type { DispatchPort } from '../ports/dispatch.ts'
import type { Settlement } from '../ports/submission.ts'
import { endWith, FleetBench, makeEntry, until } from './testing/fleet-bench.ts'
import { hashOf, makeFunctions, ScriptedWorker } from './testing/scripted-worker.ts'

/** A port that takes connections and never answers; knows how many there are. */
async function listenMute(
  t: TestContext,
): Promise<{ port: number; open: Set<Socket>; most: () => number; forget: () => void }> {
  const open = new Set<Socket>()
  let most = 0
  const server = createServer((socket) => {
    open.add(socket)
    // Only who reads hears that the other end has gone.
    socket.resume()
    most = Math.max(most, open.size)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as { port: number }).port,
    open,
    most: () => most,
    forget() {
      most = 0
    },
  }
}

test('at most 64 dials at once, and dead hosts do not hold up the others', async (t) => {
  const mute = await listenMute(t)
  const worker = endWith(t, await ScriptedWorker.start())
  const bench = new FleetBench(t, { terms: { discoveryTimeoutMs: 1_000, discoveryIntervalMs: 10 } })
  const dead = Array.from({ length: 300 }, (_, i) =>
    makeEntry(`http://127.0.0.1:${mute.port}/d${i}`, { id: `d${i}` }),
  )
  bench.fleet.setRoster([...dead, makeEntry(worker.url)])
  await bench.event('settled')
  await bench.status('ready')
  // The server hears of an end a little later than of a beginning.
  assert.ok(mute.most() <= 72, `${mute.most()} at once`)
  // All the dead dial on and on, with half of the turns; one that was cut off has its turn at once.
  await until(() => mute.open.size <= 32 || undefined, 'the first round is over')
  mute.forget()
  ;(await worker.link(0)).socket.terminate()
  const again = await worker.welcomed(1)
  await again.until(() => again.messages.filter(({ type }) => type === 'ping')[1], 'some more rounds')
  assert.ok(mute.most() > 0 && mute.most() <= 40, `${mute.most()} of the dead at once`)
})

test('10,000 entries are taken in under a second of CPU, and again when they change', async (t) => {
  const mute = await listenMute(t)
  const bench = new FleetBench(t, { terms: { discoveryTimeoutMs: 60_000 } })
  const entries = (weight: number) =>
    Array.from({ length: 10_000 }, (_, i) =>
      makeEntry(`http://127.0.0.1:${mute.port}/w${i}`, { id: `w${i}`, weight }),
    )
  const cpuMs = (act: () => void) => {
    const before = process.cpuUsage()
    act()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  const taken = cpuMs(() => bench.fleet.setRoster(entries(1)))
  const changed = cpuMs(() => bench.fleet.setRoster(entries(2)))
  const shown = cpuMs(() => assert.equal(bench.fleet.workers().length, 10_000))
  const emptied = cpuMs(() => bench.fleet.setRoster([]))
  assert.deepEqual(bench.fleet.workers(), [])
  for (const ms of [taken, changed, shown, emptied]) assert.ok(ms < 1_000, `${ms} ms`)
})

test('the order is that of the file, leaving ones behind', async (t) => {
  const bench = new FleetBench(t)
  const entry = (id: string) => makeEntry(`http://127.0.0.1:1/${id}`, { id })
  bench.fleet.setRoster([entry('b'), entry('a'), entry('c')])
  bench.workforce.attempts.set('a', 1)
  bench.fleet.setRoster([entry('c'), entry('d'), entry('b')])
  assert.deepEqual(
    bench.fleet.workers().map(({ id, status }) => `${id} ${status === 'leaving'}`),
    ['c false', 'd false', 'b false', 'a true'],
  )
})

test('it is settled when every listed worker has answered or failed, an empty or bad list at once', async (t) => {
  const empty = new FleetBench(t)
  assert.equal(empty.fleet.isSettled(), false)
  empty.fleet.setRoster([])
  assert.equal(empty.fleet.isSettled(), true)
  const stale = new FleetBench(t)
  stale.fleet.setConfig({ state: 'stale', error: 'x', since: '2026-01-01T00:00:00.000Z', warnings: [] })
  assert.equal(stale.fleet.isSettled(), true)
  const mute = endWith(t, await ScriptedWorker.start({ isMute: true }))
  const removed = new FleetBench(t, { terms: { discoveryTimeoutMs: 60_000 } })
  removed.fleet.setRoster([makeEntry(mute.url)])
  assert.equal(removed.fleet.isSettled(), false)
  removed.fleet.setRoster([])
  assert.equal(removed.fleet.isSettled(), true, 'nobody waits for one that is listed no more')
  assert.equal(removed.workforce.count('settled'), 1)
})

test('what was known before the start is known from the start, out of service', async (t) => {
  const functions = makeFunctions('hello')
  const interfaces = [{ hash: hashOf(functions), functions }]
  const seenAt = '2026-01-01T00:00:00.000Z'
  const past = { group: 'g', contract: 3, interfaceHash: hashOf(functions), seenAt }
  const workers = [
    { worker: 'w1', ...past },
    { worker: 'gone', ...past },
  ]
  const intents = [{ worker: 'gone', reason: null, since: seenAt, until: null, deadline: null, by: null }]
  const bench = new FleetBench(t, { contents: { interfaces, workers, intents } })
  bench.fleet.setRoster([makeEntry('http://127.0.0.1:1')])
  assert.equal(bench.workforce.events[0], 'set w1 out (connecting)')
  assert.deepEqual(
    bench.fleet.functions().map(({ name, group, contract, workers: ids }) => [name, group, contract, ids]),
    [['hello', 'g', 3, ['w1']]],
  )
  assert.deepEqual(bench.writes, [
    { kind: 'worker-forgotten', worker: 'gone' },
    { kind: 'intent-cleared', worker: 'gone' },
  ])
})

test('since when a worker has served its interface is kept as long as it does', async (t) => {
  const functions = makeFunctions('hello')
  const hash = hashOf(functions)
  const seenAt = '2026-01-01T00:00:00.000Z'
  const workers = [{ worker: 'w1', group: 'default', contract: 1, interfaceHash: hash, seenAt }]
  const worker = endWith(t, await ScriptedWorker.start({ functions }))
  const bench = new FleetBench(t, { contents: { interfaces: [{ hash, functions }], workers } })
  bench.fleet.setRoster([makeEntry(worker.url)])
  await bench.status('ready')
  const kept = () => bench.writes.flatMap((write) => (write.kind === 'worker-known' ? [write.known] : []))
  assert.deepEqual(kept(), workers)
  worker.script.functions = makeFunctions('other')
  ;(await worker.welcomed()).socket.terminate()
  await until(() => kept().length === 2, 'the other interface is kept')
  const changed = kept()[1]
  assert.notEqual(changed?.interfaceHash, hash)
  assert.notEqual(changed?.seenAt, seenAt)
})

test('log lines: asked for while somebody follows, over reconnects and changes of the entry', async (t) => {
  const worker = endWith(t, await ScriptedWorker.start())
  const bench = new FleetBench(t)
  bench.fleet.setRoster([makeEntry(worker.url)])
  const link = await worker.welcomed()
  const seen: string[] = []
  const add = (lines: readonly LogEntry[]) => void seen.push(...lines.map(({ text }) => text))
  assert.equal(bench.fleet.followLogs('nobody', add), undefined)
  const line = (n: number) => ({ at: `t${n}`, level: 'info', text: `${n}`, source: 'w1' })
  const follower = bench.fleet.followLogs('w1', add) ?? assert.fail('no follower')
  await link.message('logs', ({ follow }) => follow)
  link.say({ type: 'logs', lines: [line(1), line(2)], dropped: 0 })
  await until(() => seen.length === 2 || undefined, 'two lines')
  link.socket.terminate()
  const next = await worker.welcomed(1)
  await next.message('logs', ({ follow }) => follow)
  next.say({ type: 'logs', lines: [line(1), line(2), line(3)], dropped: 0 })
  await until(() => seen.length === 3 || undefined, 'one more line')
  const other = endWith(t, await ScriptedWorker.start({ hello: { bootId: 'boot-0000-2' } }))
  bench.fleet.setRoster([makeEntry(other.url)])
  const third = await other.welcomed()
  await third.message('logs', ({ follow }) => follow)
  third.say({ type: 'logs', lines: [line(9)], dropped: 0 })
  await until(() => seen.length === 4 || undefined, 'a line of the new one')
  assert.deepEqual(seen, ['1', '2', '3', '9'])
  follower.stop()
  await third.message('logs', ({ follow }) => !follow)
})

test('log lines: who wants more than others do has the worker asked for what it keeps', async (t) => {
  const worker = endWith(t, await ScriptedWorker.start())
  const bench = new FleetBench(t)
  bench.fleet.setRoster([makeEntry(worker.url)])
  const link = await worker.welcomed()
  const line = (n: number) => ({ at: `t${n}`, level: 'info', text: `${n}`, source: 'w1' })
  const seen: string[] = []
  const errors = bench.fleet.followLogs('w1', () => assert.fail('what it has not asked for'), {
    level: 'error',
  })
  await link.message('logs', ({ follow, tail }) => follow && tail === undefined)
  const all = bench.fleet.followLogs('w1', (lines, _, isOld) => {
    seen.push(...lines.map(({ text }) => `${isOld ? 'old' : 'new'} ${text}`))
  })
  const asked = await link.message('logs', ({ tail }) => tail === 'debug')
  assert.deepEqual([asked.level, asked.backlog], ['debug', 200])
  link.say({ type: 'logs', lines: [line(1), line(2)], dropped: 0, tail: 'debug' })
  await until(() => seen.length === 2 || undefined, 'two older lines')
  assert.deepEqual(seen, ['old 1', 'old 2'])
  all?.stop()
  errors?.stop()
})

test("a worker's log is read by its own door, bounded, and no error repeats a key", async (t) => {
  const worker = endWith(t, await ScriptedWorker.start())
  const bench = new FleetBench(t, { terms: { discoveryTimeoutMs: 2_000 } })
  bench.fleet.setRoster([
    makeEntry(worker.url),
    makeEntry('http://127.0.0.1:1', { id: 'w2', key: 'geheim\u0100' }),
  ])
  const heard: (string | undefined)[] = []
  worker.script.logs = (req, res) => {
    heard.push(req.headers.authorization, String(req.headers['x-lb-auth']))
    res.end('{"logs":["a","b"]}')
  }
  assert.deepEqual(await bench.fleet.readLogs('w1'), { ok: true, logs: ['a', 'b'] })
  assert.deepEqual(heard, ['worker-key', 'fleet-key'])
  const bad: [(typeof worker.script)['logs'], RegExp][] = [
    [(_req, res) => res.writeHead(503).end('no'), /answered 503/],
    [(_req, res) => res.end('{"logs":[1]}'), /something else/],
    [(_req, res) => res.end('<html>'), /something else/],
    [(_req, res) => res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), /cannot be reached/],
    [() => {}, /no answer in time/],
    [(_req, res) => void res.write('{"logs":["'), /no answer in time/],
  ]
  for (const [logs, why] of bad) {
    worker.script.logs = logs
    const read = await bench.fleet.readLogs('w1')
    assert.match(read.ok ? 'read' : read.error.detail, why)
  }
  const unsendable = await bench.fleet.readLogs('w2')
  assert.ok(!unsendable.ok && !unsendable.error.detail.includes('geheim'))
  const unknown = await bench.fleet.readLogs('w9')
  assert.equal(!unknown.ok && unknown.error.code, 'NOT_FOUND')
})

// --- With the real core ------------------------------------------------------------------------

function setUpCore(t: TestContext) {
  const dispatch: { target?: DispatchPort } = {}
  const scheduler = new Scheduler({
    dispatch: {
      send: (assignment) => dispatch.target?.send(assignment),
      recall: (...call) => dispatch.target?.recall(...call),
      cancel: (...call) => dispatch.target?.cancel(...call),
      acknowledge: (...call) => dispatch.target?.acknowledge(...call),
    },
    ledger: {
      claim() {},
      finish() {},
      moved() {},
      writeFirst() {},
      attemptOver() {},
      pushedBack() {},
      late() {},
    },
    epoch: 1,
    random: Math.random,
    limits: { tasksPerLane: 100, bytes: 1e9 },
    maxAttempts: 3,
    heartbeatMs: 400,
    leaseMs: 2_000,
  })
  const bench = new FleetBench(t, { workforce: scheduler })
  dispatch.target = bench.fleet
  const ticking = setInterval(() => scheduler.tick(performance.now()), 10)
  t.after(() => clearInterval(ticking))
  let runs = 0
  const submit = (input: object = {}, more: { idempotent?: boolean } = {}) => {
    const ended = Promise.withResolvers<Settlement>()
    const now = performance.now()
    const admission = scheduler.submit(
      {
        run: `r_${++runs}`,
        group: 'default',
        function: 'hello',
        contract: undefined,
        selector: ANY_WORKER,
        priority: 100,
        mode: 'sync',
        isDurable: false,
        attempts: undefined,
        idempotent: more.idempotent,
        timeoutMs: undefined,
        deadlineAt: now + 60_000,
        queueUntilAt: now + 60_000,
        payload: { bytes: Buffer.from(JSON.stringify(input)), mediaType: '', isEnvelope: false },
        trace: '',
        onSettled: ended.resolve,
      },
      now,
    )
    assert.ok(admission.ok, JSON.stringify(admission))
    return ended.promise
  }
  return { bench, scheduler, submit }
}

test('core: a task goes out, starts, ends, and its slot is free again', async (t) => {
  const worker = endWith(t, await ScriptedWorker.start())
  const { bench, scheduler, submit } = setUpCore(t)
  bench.fleet.setRoster([makeEntry(worker.url)])
  const settled = submit({ a: 1 })
  const link = await worker.welcomed()
  const { task, input } = await link.task()
  assert.deepEqual(JSON.parse(String(Buffer.from(input))), { a: 1 })
  link.started(task)
  link.end(task, { b: 2 })
  const settlement = await settled
  assert.equal(settlement.kind === 'completed' && String(Buffer.from(wholeOf(settlement.result))), '{"b":2}')
  assert.equal(settlement.worker, 'w1')
  assert.equal(scheduler.attemptsAt('w1'), 0)
})

test('core: END twice, for an unknown task, and BUSY after END change nothing', async (t) => {
  const worker = endWith(
    t,
    await ScriptedWorker.start({
      hello: { slots: { limit: 1, used: 0, linked: 0, stuck: 0, queued: 0, queueLimit: 0 } },
    }),
  )
  const { bench, scheduler, submit } = setUpCore(t)
  bench.fleet.setRoster([makeEntry(worker.url)])
  const first = submit()
  const link = await worker.welcomed()
  const { task } = await link.task(0)
  link.end(9999, 'stray')
  link.end(task, 1)
  link.end(task, 2)
  link.busy(task)
  const settlement = await first
  assert.equal(settlement.kind === 'completed' && String(Buffer.from(wholeOf(settlement.result))), '1')
  const second = submit()
  link.end((await link.task(1)).task, 3)
  assert.equal((await second).kind, 'completed')
  assert.deepEqual([scheduler.attemptsAt('w1'), scheduler.traffic().running], [0, 0])
})

test('core: the log has the end of a task before the one that takes its slot', async (t) => {
  const slots = { limit: 1, used: 0, linked: 0, stuck: 0, queued: 0, queueLimit: 0 }
  const worker = endWith(t, await ScriptedWorker.start({ hello: { slots } }))
  const { bench, submit } = setUpCore(t)
  bench.fleet.setRoster([makeEntry(worker.url)])
  const both = [submit(), submit()]
  const link = await worker.welcomed()
  for (const index of [0, 1]) link.end((await link.task(index)).task)
  await Promise.all(both)
  const record = bench.log.entries().filter(({ text }) => text === 'task sent' || text === 'task ended')
  assert.deepEqual(
    record.map(({ text }) => text),
    ['task sent', 'task ended', 'task sent', 'task ended'],
  )
})

test('core: a worker that dies before STARTED loses nothing: another takes the task unseen', async (t) => {
  const one = endWith(t, await ScriptedWorker.start())
  const two = endWith(t, await ScriptedWorker.start({ hello: { bootId: 'boot-0000-2' } }))
  const { bench, submit } = setUpCore(t)
  bench.fleet.setRoster([makeEntry(one.url)])
  const settled = submit()
  const link = await one.welcomed()
  await link.task()
  bench.fleet.setRoster([makeEntry(one.url), makeEntry(two.url, { id: 'w2' })])
  await bench.status('ready', 'w2')
  await one.stop()
  const other = await two.welcomed()
  const { task, header } = await other.task()
  assert.equal(header.attempt, 1, 'it counts as no attempt')
  other.end(task, 'done')
  assert.equal((await settled).worker, 'w2')
})

test('core: cut off while it runs, the same process goes on and its result counts', async (t) => {
  const worker = endWith(t, await ScriptedWorker.start())
  const { bench, submit } = setUpCore(t)
  bench.fleet.setRoster([makeEntry(worker.url)])
  const settled = submit()
  const link = await worker.welcomed()
  const { task, header } = await link.task()
  link.started(task)
  await until(() => bench.view()?.status === 'ready' || undefined, 'ready')
  const { run, fence } = header
  worker.script.hello = { seq: 9, started: [{ run, fence, durable: false, finished: false }] }
  link.socket.terminate()
  const next = await worker.welcomed(1)
  assert.deepEqual(next.welcome.adopt, [{ run, fence, task }])
  next.end(task, 'after all')
  const settlement = await settled
  assert.equal(settlement.kind, 'completed')
  assert.equal(settlement.attempt, 1)
})

test('core: a worker in maintenance gets nothing, and all that waited as soon as it is on', async (t) => {
  const worker = endWith(t, await ScriptedWorker.start())
  const { bench, submit } = setUpCore(t)
  bench.fleet.setRoster([makeEntry(worker.url)])
  const link = await worker.welcomed()
  await bench.status('ready')
  const running = submit()
  const { task } = await link.task()
  link.started(task)
  bench.fleet.setMaintenance('w1', { on: true, reason: null, until: null })
  link.end(task, 'finished in maintenance')
  assert.equal((await running).kind, 'completed')
  bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null })
  const next = submit()
  const second = await link.task(1)
  const on = link.messages.findLastIndex((each) => each.type === 'maintenance' && !each.on)
  assert.ok(on >= 0, 'the order to come back left before the task')
  link.end(second.task, 'ok')
  assert.equal((await next).kind, 'completed')
})
