/** What changes of the list do to a worker that is linked and perhaps runs something. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { endWith, FleetBench, makeAssignment, makeEntry, setUpReady, until } from './testing/fleet-bench.ts'
import { ScriptedWorker } from './testing/scripted-worker.ts'

describe('one process under two URLs', () => {
  async function setUpTwins(t: TestContext, terms = {}) {
    const worker = endWith(t, await ScriptedWorker.start())
    const bench = new FleetBench(t, { terms })
    const first = makeEntry(worker.url)
    const second = makeEntry(`http://localhost:${worker.port}`, { id: 'w2' })
    bench.fleet.setRoster([first])
    await bench.status('ready')
    bench.fleet.setRoster([first, second])
    return { worker, bench, first, second }
  }

  test('the second is a mismatch that does not flap, and costs no slots', async (t) => {
    const { worker, bench } = await setUpTwins(t, {
      discoveryIntervalMs: 20,
      heartbeatIntervalMs: 20,
      leaseMs: 10_000,
    })
    const view = await bench.status('mismatch', 'w2')
    assert.match(view.reason ?? '', /the same process is linked as "w1"/)
    assert.equal((await (await worker.link(1)).closed).code, 4003)
    const link = await worker.link(0)
    await link.until(() => link.messages.filter(({ type }) => type === 'ping')[9], 'ten intervals')
    assert.equal(worker.links.length, 2)
    assert.equal(bench.view('w1')?.status, 'ready')
    assert.deepEqual([...bench.workforce.facts.keys()], ['w1'])
    assert.equal(bench.logged('worker refused'), 1)
  })

  test('it takes over as soon as the first has left', async (t) => {
    const { bench, second } = await setUpTwins(t, { leaseMs: 10_000 })
    await bench.status('mismatch', 'w2')
    bench.fleet.setRoster([second])
    await bench.status('ready', 'w2', 1_000)
  })

  test('the configuration warns of it for as long as it is so', async (t) => {
    const { worker, bench, first, second } = await setUpTwins(t, { leaseMs: 300 })
    const warnings = () => bench.fleet.config().warnings
    bench.fleet.setConfig({ state: 'ok', since: '2026-01-01T00:00:00.000Z', warnings: ['of the file'] })
    await bench.status('mismatch', 'w2')
    const twins = '"w2" and "w1" lead to one process: it is one worker, linked as "w1"; take "w2" out'
    assert.deepEqual(warnings(), ['of the file', twins])
    bench.fleet.setRoster([first])
    assert.deepEqual(warnings(), ['of the file'])
    bench.fleet.setRoster([first, second])
    await until(() => warnings().length === 2, 'the warning is back')
    bench.fleet.setRoster([second])
    await bench.status('ready', 'w2')
    assert.deepEqual(warnings(), ['of the file'])
    bench.fleet.setRoster([first, second])
    await until(() => warnings()[1]?.startsWith('"w1" and "w2" lead to one process'), 'now it is w1')
    await worker.stop()
    await bench.status('unreachable', 'w1')
    await until(() => warnings().length === 1, 'two that do not answer are not known to be one')
  })

  test('a cut of the first does not hand its process over', async (t) => {
    const { worker, bench, first, second } = await setUpTwins(t)
    await bench.status('mismatch', 'w2')
    ;(await worker.link(0)).socket.terminate()
    await bench.event('troubled w1 unlinked')
    await bench.status('ready')
    assert.equal(bench.view('w2')?.status, 'mismatch')
    assert.deepEqual([first.id, second.id], ['w1', 'w2'])
  })
})

describe('leaving', () => {
  test('what runs is finished, nothing new comes, then the link ends', async (t) => {
    const { bench, link } = await setUpReady(t)
    bench.fleet.send(makeAssignment())
    bench.workforce.attempts.set('w1', 1)
    await link.task()
    bench.fleet.setRoster([])
    assert.equal(bench.view()?.status, 'leaving')
    assert.ok(bench.workforce.events.includes('set w1 out (leaving)'))
    assert.deepEqual(
      bench.fleet.workers().map(({ id }) => id),
      ['w1'],
    )
    const refused = bench.fleet.setMaintenance('w1', { on: true, reason: null, until: null })
    assert.equal(!refused.ok && refused.error.code, 'CONFLICT')
    link.end(7, 'done')
    const { code } = await link.closed
    assert.equal(code, 1001)
    await bench.event('remove w1')
    assert.equal(bench.view(), undefined)
    assert.equal((await link.message('bye')).reason, 'removed from workers.json')
  })

  test('one that runs nothing leaves at once', async (t) => {
    const { bench } = await setUpReady(t)
    bench.fleet.setRoster([])
    assert.deepEqual(bench.fleet.workers(), [])
    assert.equal(bench.workforce.events.at(-1), 'remove w1')
    assert.deepEqual(bench.writes.at(-1), { kind: 'worker-forgotten', worker: 'w1' })
  })

  test('a cut while it leaves: it is dialled again for what it still runs', async (t) => {
    const { bench, worker, link } = await setUpReady(t)
    bench.workforce.attempts.set('w1', 1)
    bench.workforce.adopts = () => [{ run: 'r_1', fence: 1, task: 7 }]
    bench.fleet.setRoster([])
    worker.script.refuseWith = 503
    link.socket.terminate()
    await until(() => bench.logged('worker unreachable') || undefined, 'a dial that fails')
    worker.script.refuseWith = undefined
    const next = await worker.welcomed(1)
    next.end(7, 'done')
    await bench.event('remove w1')
  })

  test('removed and added again while it runs something: same link, nothing is reset or forgotten', async (t) => {
    const { bench, worker, link } = await setUpReady(t)
    bench.fleet.setMaintenance('w1', { on: true, reason: 'kept', until: null })
    bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null })
    bench.fleet.send(makeAssignment())
    bench.workforce.attempts.set('w1', 1)
    await link.task()
    bench.fleet.setRoster([])
    bench.fleet.setRoster([makeEntry(worker.url)])
    assert.equal(bench.view()?.status, 'ready')
    link.end(7, 'done')
    await bench.event('finished w1 7 completed')
    assert.equal(worker.links.length, 1)
    assert.equal(bench.workforce.count('remove w1'), 0)
    assert.equal(bench.writes.findLast(({ kind }) => kind.startsWith('worker-'))?.kind, 'worker-known')
  })

  test('another URL under the same name: the old one finishes beside the new one', async (t) => {
    const { bench, link } = await setUpReady(t)
    const other = endWith(t, await ScriptedWorker.start({ hello: { bootId: 'boot-0000-2' } }))
    bench.fleet.send(makeAssignment())
    bench.workforce.attempts.set('w1', 1)
    await link.task()
    bench.fleet.setMaintenance('w1', { on: true, reason: 'stays', until: null })
    bench.fleet.setRoster([makeEntry(other.url)])
    const next = await other.welcomed()
    assert.equal((await next.message('maintenance')).reason, 'stays')
    const shown = bench.fleet.workers().map(({ id, url, status }) => [id, url === other.url, status])
    assert.deepEqual(shown, [
      ['w1', true, 'maintenance'],
      ['w1#0', false, 'leaving'],
    ])
    assert.equal(bench.fleet.worker('w1#0')?.status, 'leaving')
    link.end(7, 'done')
    await bench.event('remove w1')
    bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null })
    assert.equal(bench.view()?.status, 'ready')
    assert.ok(bench.workforce.facts.has('w1#1'))
  })

  test('who reads the fleet while the list changes sees each worker once, and misses nobody', async (t) => {
    const { bench, worker, link } = await setUpReady(t)
    const here = makeEntry(worker.url)
    const other = makeEntry('http://127.0.0.1:1', { id: 'w0' })
    bench.fleet.setRoster([other, here])
    bench.fleet.send(makeAssignment())
    bench.workforce.attempts.set('w1', 1)
    await link.task()
    const readBeside = (change: () => void) =>
      [bench.fleet.views(), bench.fleet.samples()].map((list) => {
        const ids: string[] = []
        for (const { id } of list) {
          if (ids.length === 0) change()
          ids.push(id)
        }
        return ids
      })
    const both = (ids: string[]) => [ids, ids]
    const replace = () => bench.fleet.setRoster([other, makeEntry('http://127.0.0.1:2')])
    assert.deepEqual(readBeside(replace), [
      ['w0', 'w1'],
      ['w0', 'w1', 'w1#0'],
    ])
    assert.deepEqual(
      readBeside(() => bench.fleet.setRoster([other, here])),
      [
        ['w0', 'w1', 'w1#0'],
        ['w0', 'w1'],
      ],
    )
    assert.deepEqual(
      readBeside(() => bench.fleet.setRoster([other])),
      both(['w0', 'w1']),
    )
    assert.deepEqual(
      readBeside(() => bench.fleet.setRoster([here, other])),
      [
        ['w0', 'w1'],
        ['w1', 'w0'],
      ],
    )
    link.end(7, 'done')
    await bench.event('finished w1 7 completed')
  })

  test('another URL of the same process: nobody takes over before its tasks have ended', async (t) => {
    const { bench, worker, link } = await setUpReady(t)
    bench.fleet.send(makeAssignment())
    bench.workforce.attempts.set('w1', 1)
    await link.task()
    bench.fleet.setRoster([makeEntry(`http://localhost:${worker.port}`)])
    await bench.status('mismatch')
    link.end(7, 'done')
    await bench.event('finished w1 7 completed')
    await bench.status('ready')
  })
})
