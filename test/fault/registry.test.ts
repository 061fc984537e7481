/**
 * Workers that lie, flap and differ, at a real balancer process; registry.md says which case of the catalogue
 * is shown where. The workers are scripted: each says on the link exactly what its case asks for.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type FunctionInterface, RECORD, TASK_FLAG, type WorkerView } from '@berth/protocol'
import {
  type HeardTask,
  hashOf,
  makeFunctions,
  makeHello,
  type Script,
  type ScriptedLink,
  ScriptedWorker,
} from '../../balancer/src/fleet/testing/scripted-worker.ts'
import { bodyOf, LIMIT_MS, waitForLine, waitForStatus } from '../end-to-end/fleet.ts'
import { callAtOnce, keepCalling } from '../end-to-end/load.ts'
import { type Answer, type Balancer, postTask, startBalancer, waitForWorkers } from '../harness/berth.ts'
import { until } from '../harness/until.ts'

type Behaviour = (link: ScriptedLink, task: HeardTask) => void

const SLOTS = { limit: 4, used: 0, linked: 0, stuck: 0, queued: 0, queueLimit: 100 }
let boots = 0

/** A worker that answers each task as told, whichever link it came on. */
async function startScripted(
  t: TestContext,
  behave: Behaviour,
  script: Partial<Script> = {},
): Promise<ScriptedWorker> {
  const bootId = `boot-${++boots}-0000`
  const worker = await ScriptedWorker.start({ ...script, hello: { bootId, ...script.hello } })
  const heard = new WeakMap<ScriptedLink, number>()
  const timer = setInterval(() => {
    for (const link of worker.links)
      for (let at = heard.get(link) ?? 0; at < link.tasks.length; at++) {
        heard.set(link, at + 1)
        behave(link, link.tasks[at] as HeardTask)
      }
  }, 1)
  t.after(async () => {
    clearInterval(timer)
    await worker.stop()
  })
  return worker
}

const finish: Behaviour = (link, { task }) => {
  link.record(RECORD.STARTED, task)
  link.end(task, 'done')
}

function start(t: TestContext, workers: readonly ScriptedWorker[]): Promise<Balancer> {
  const entries = workers.map(({ url }, index) => ({ url, name: `w${index + 1}` }))
  return startBalancer(t, {
    workers: entries,
    env: { WORKER_DISCOVERY_INTERVAL: '100ms', LOG_LEVEL: 'debug' },
  })
}

async function readWorker(balancer: Balancer, id: string): Promise<WorkerView> {
  return (await balancer.request(`/workers/${id}`)).body as WorkerView
}

function call(balancer: Balancer, more: object = {}): Promise<Answer> {
  return postTask(balancer, { function: 'hello', ...more })
}

function tasksOf({ links }: ScriptedWorker): HeardTask[] {
  return links.flatMap(({ tasks }) => tasks)
}

function assertAllGood(answers: readonly Answer[]): void {
  assert.deepEqual(
    answers.filter(({ status }) => status !== 200).map(({ text }) => text),
    [],
  )
}

function inputOf(type: string): FunctionInterface[] {
  const input = { type: 'object', properties: { name: { type } }, additionalProperties: false }
  return makeFunctions('hello').map((each) => ({ ...each, input }))
}

test('C-13: slots that cannot be change no sum, and who goes on sending them is ejected', async (t) => {
  const liar = await startScripted(t, finish)
  const good = await startScripted(t, finish)
  const balancer = await start(t, [liar, good])
  await waitForWorkers(balancer, 2)
  const load = keepCalling(2, () => call(balancer, { idempotent: true }))
  const limits = new Set<number | undefined>()
  const bad = [-1, 1.5, '10', null, 1e9, 2 ** 53]
  const isEjected = async (): Promise<boolean> => {
    const { breaker, slots } = await readWorker(balancer, 'w1')
    limits.add(slots?.limit)
    const link = liar.links.at(-1)
    const isNew = link?.messages.some(({ type }) => type === 'welcome') && link.socket.readyState === 1
    if (link && isNew)
      link.say({
        type: 'state',
        seq: 9,
        status: 'ready',
        slots: { ...SLOTS, limit: bad[liar.links.length % bad.length] },
      })
    return breaker.state === 'open'
  }
  await until(isEjected, LIMIT_MS, 'the breaker is open')
  assertAllGood(await load.end())
  assert.deepEqual([...limits], [4])
  assert.match((await readWorker(balancer, 'w1')).breaker.reason ?? '', /fail|link broke/)
  assert.equal((await readWorker(balancer, 'w2')).slots?.limit, 4)
})

test('C-14, C-16: our own count holds, whatever a worker says is free, and an END alone frees a slot', async (t) => {
  const open: [ScriptedLink, number][] = []
  const worker = await startScripted(t, (link, { task }) => {
    link.started(task)
    open.push([link, task])
  })
  const balancer = await start(t, [worker])
  await waitForWorkers(balancer, 1)
  const calls = Array.from({ length: 12 }, () => call(balancer))
  await until(() => open.length === 4, LIMIT_MS, 'four under way')
  const [link] = worker.links
  for (let seq = 10; seq < 20; seq++) link?.state({ seq, slots: SLOTS })
  for (let ended = 0; ended < 12; ended++) {
    const queue = async () =>
      ((await balancer.request('/health')).body as { queue: { waiting: number } }).queue
    await until(
      async () => (await queue()).waiting <= Math.max(0, 8 - ended),
      LIMIT_MS,
      'the line is as long as it must be',
    )
    const unasked = tasksOf(worker).filter(({ flags }) => (flags & TASK_FLAG.AHEAD) === 0).length
    assert.ok(unasked <= 4 + ended, `${unasked} sent to free slots after ${ended} ends`)
    await until(() => open.length > 0, LIMIT_MS, 'one to end')
    const [at, task] = open.shift() as [ScriptedLink, number]
    at.end(task, 'done')
  }
  assertAllGood(await Promise.all(calls))
})

test('C-15: an older push counts for nothing, also one that was held back over a newer one', async (t) => {
  const worker = await startScripted(t, finish)
  const balancer = await start(t, [worker])
  await waitForWorkers(balancer, 1)
  const [link] = worker.links
  link?.state({ seq: 50, slots: { ...SLOTS, used: 3 } })
  await until(async () => (await readWorker(balancer, 'w1')).slots?.used === 3, LIMIT_MS, 'the push')
  link?.state({ seq: 49, slots: SLOTS })
  link?.state({ seq: 51, slots: { ...SLOTS, used: 3, queued: 7 } })
  await until(async () => (await readWorker(balancer, 'w1')).slots?.queue === 7, LIMIT_MS, 'the newer push')
  assert.equal((await readWorker(balancer, 'w1')).slots?.used, 3)
})

test('C-17: a worker that says free and answers BUSY is avoided, and no task suffers', async (t) => {
  const liar = await startScripted(t, (link, { task }) => link.busy(task))
  const good = await startScripted(t, finish)
  const balancer = await start(t, [liar, good])
  await waitForWorkers(balancer, 2)
  assertAllGood(await callAtOnce(200, 4, () => call(balancer)))
  const sends = new Map<string, number>()
  for (const { header } of tasksOf(liar)) sends.set(header.run, (sends.get(header.run) ?? 0) + 1)
  assert.ok(Math.max(0, ...sends.values()) <= 2, 'no task is sent there over and over')
})

test('C-18: results for tasks that a worker never got, or again, are nothing', async (t) => {
  const worker = await startScripted(t, (link, { task }) => {
    link.end(task + 1_000_000, 'made up')
    link.record(RECORD.STARTED, task)
    link.end(task, 'right')
    link.end(task, 'again')
  })
  const balancer = await start(t, [worker])
  await waitForWorkers(balancer, 1)
  for (const answer of await callAtOnce(20, 4, () => call(balancer)))
    assert.equal((answer.body as { result?: unknown }).result, 'right')
  await waitForLine(balancer, /^worker speaks of a task that it does not have$/)
})

test('C-19: a worker that takes tasks and drops its link is left out, and nothing is sent to it meanwhile', async (t) => {
  const flapping = await startScripted(t, (link, { task }) => {
    link.started(task)
    link.socket.close()
  })
  const good = await startScripted(t, finish)
  const balancer = await start(t, [flapping, good])
  await waitForWorkers(balancer, 2)
  const load = keepCalling(4, () => call(balancer, { idempotent: true }))
  const readOpen = async () => {
    const { breaker } = await readWorker(balancer, 'w1')
    return breaker.state === 'open' ? breaker : undefined
  }
  const { since } = await until(readOpen, LIMIT_MS, 'the breaker is open')
  // What was sent to it before may still be on its way to it.
  const hasHeardAll = () =>
    flapping.links.every(({ socket, tasks }) => tasks.length === 0 || socket.readyState === 3)
  await until(hasHeardAll, LIMIT_MS, 'its links have ended')
  const before = tasksOf(flapping).length
  const enough = load.done.length + 300
  await until(() => load.done.length >= enough, LIMIT_MS, '300 more answers')
  const heard = tasksOf(flapping).length
  const isSameEjection = (await readOpen())?.since === since
  assertAllGood(await load.end())
  // A machine that took the whole ejection for it has seen the trial that follows, and perhaps the next ejection.
  if (isSameEjection) assert.equal(heard, before)
})

test('C-20, C-23: whoever came first, the odd one is set apart, and no panic brings it in', async (t) => {
  const odd = await startScripted(t, finish, { functions: inputOf('string') })
  const right = await Promise.all(
    [1, 2, 3].map(() => startScripted(t, finish, { functions: inputOf('number') })),
  )
  const balancer = await start(t, [odd, ...right])
  await waitForWorkers(balancer, 3)
  const { status, reason } = await readWorker(balancer, 'w1')
  assert.deepEqual(
    [status, reason],
    ['mismatch', 'hello: input.name is a string here and a number at 3 other workers'],
  )
  const before = tasksOf(odd).length
  await right[0]?.stop()
  await right[1]?.stop()
  await waitForStatus(balancer, 'w2', 'unreachable')
  await waitForStatus(balancer, 'w3', 'unreachable')
  assertAllGood(await callAtOnce(60, 6, () => call(balancer, { input: { name: 5 } })))
  await right[2]?.stop()
  await waitForStatus(balancer, 'w4', 'unreachable')
  const answer = await call(balancer, { input: { name: 5 } })
  assert.deepEqual([answer.status, bodyOf(answer).code], [503, 'NO_CAPACITY'])
  assert.equal(tasksOf(odd).length, before)
})

test('C-24: a worker that comes back with another interface gets no task of the old one', async (t) => {
  const workers = await Promise.all(
    [1, 2, 3].map(() => startScripted(t, finish, { functions: inputOf('number') })),
  )
  const balancer = await start(t, workers)
  await waitForWorkers(balancer, 3)
  const load = keepCalling(3, () => call(balancer, { input: { name: 5 }, idempotent: true }))
  const [first] = workers as [ScriptedWorker, ...ScriptedWorker[]]
  first.script.functions = inputOf('string')
  first.script.hello = { bootId: 'boot-of-the-new-release' }
  const links = first.links.length
  first.links.at(-1)?.socket.terminate()
  await waitForStatus(balancer, 'w1', 'mismatch')
  const enough = load.done.length + 50
  await until(() => load.done.length >= enough, LIMIT_MS, '50 more answers')
  assertAllGood(await load.end())
  assert.deepEqual(
    first.links.slice(links).flatMap(({ tasks }) => tasks),
    [],
  )
})

test('C-25: the same interface in another order of keys is the same', async (t) => {
  const functions = inputOf('number')
  const turned = functions.map(
    (each) => Object.fromEntries(Object.entries(each).reverse()) as FunctionInterface,
  )
  const workers = await Promise.all(
    [functions, turned].map((each) => startScripted(t, finish, { functions: each })),
  )
  assert.equal(hashOf(functions), hashOf(turned))
  await waitForWorkers(await start(t, workers), 2)
})

test('C-26: 10,000 functions are taken, names that are none are not, and `constructor` is unknown', async (t) => {
  const wide = await startScripted(t, finish, {
    functions: makeFunctions('hello', ...Array.from({ length: 9_999 }, (_, i) => `f${i}`)),
  })
  const names = ['__proto__', 'a b', '\u202eabc', 'zero\u200bwidth', 'x'.repeat(1024 * 1024)]
  const wrong = await Promise.all(
    names.map((name) => startScripted(t, finish, { functions: makeFunctions(name) })),
  )
  const balancer = await start(t, [wide, ...wrong])
  await waitForWorkers(balancer, 1)
  assert.equal((await readWorker(balancer, 'w1')).functions.length, 10_000)
  for (const at of wrong.keys()) await waitForStatus(balancer, `w${at + 2}`, 'unreachable')
  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    const answer = await postTask(balancer, { function: name })
    assert.deepEqual([answer.status, bodyOf(answer).code], [404, 'UNKNOWN_FUNCTION'])
  }
  assertAllGood([await call(balancer)])
})

test('C-29: other versions of the link are refused with the reason, and the others serve', async (t) => {
  const workers = [
    await startScripted(t, finish, { hello: { protocol: 2 } }),
    await startScripted(t, finish, { hello: { protocol: 0 } }),
    await startScripted(t, finish),
  ]
  const balancer = await start(t, workers)
  await waitForWorkers(balancer, 1)
  await waitForStatus(balancer, 'w1', 'mismatch')
  assert.match((await readWorker(balancer, 'w1')).reason ?? '', /speaks version 2 of the link, not 1/)
  await waitForStatus(balancer, 'w2', 'unreachable', 'mismatch')
  assertAllGood([await call(balancer)])
})

test('C-8: processes that answer at one address by turns are not merged, and the log says so', async (t) => {
  const worker = await startScripted(t, finish)
  const balancer = await start(t, [worker])
  await waitForWorkers(balancer, 1)
  for (const [turn, bootId] of ['boot-A-0000', 'boot-B-0000', 'boot-A-0000'].entries()) {
    worker.script.hello = makeHello(worker.script.functions, { bootId, slots: { ...SLOTS, limit: 2 } })
    worker.links.at(-1)?.socket.terminate()
    await worker.welcomed(turn + 1)
  }
  await waitForLine(balancer, /^several processes answer at one address by turns/)
  await waitForStatus(balancer, 'w1', 'ready')
  assert.equal((await readWorker(balancer, 'w1')).slots?.limit, 2)
})
