/**
 * A hundred thousand tasks that wait in one lane: what each of them holds, and what enqueueing and dispatching one
 * costs the balancer, against a lane in which a hundred wait. They come in batches, each of which has so many of its
 * tasks under way before the first answer, so that few connections stand for many tasks.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuUsOf } from '../cpu.ts'
import { COLLECTS, readMemory } from '../memory.ts'
import { type Berth, KEY, startBerth } from '../peers/berth.ts'
import { compare, type Finding, type Scenario } from '../scenario.ts'
import { readStream, type StreamRead } from '../stream-reader.ts'

/** What a batch begins with. */
const A_BATCH = 32
const BATCHES = 3_125
const QUICK_BATCHES = 312
const FEW = 100
const SLOTS = 16
const WORKERS = 2
/** What is under way at once where a hundred wait: they and those that run. */
const FEW_BATCHES = Math.ceil((FEW + WORKERS * SLOTS) / A_BATCH)
const CONNECTS_AT_ONCE = 100
const TASK = '{"function":"hello","input":{"name":"Ada"}}\n'
/** Asking costs the balancer, too. */
const POLL_MS = 25
const LIMIT_MS = 50_000
const BYTES_GOAL = 2 * 1024

/** µs of the balancer's processor time a task. */
interface Costs {
  readonly enqueue: number
  readonly dispatch: number
}

export const lane: Scenario = {
  name: 'lane',
  about: 'tasks that wait in one lane, 100,000 against 100: bytes and processor time each',
  isQuick: true,
  async run(stage, { rounds, isQuick }) {
    if (process.platform !== 'linux') return { findings: [], notes: ['only Linux has the accounts for this'] }
    const batches = isQuick ? QUICK_BATCHES : BATCHES
    const env = { QUEUE_LIMIT: '200000', LOG_FORMAT: 'json' }
    const berth = await startBerth(stage, { workers: WORKERS, slots: SLOTS, env, options: COLLECTS })
    await passFew(berth, batches)
    const findings: Finding[] = []
    if (!isQuick) findings.push(await weigh(berth, batches))
    const long: Costs[] = []
    const short: number[] = []
    for (let round = 0; round < rounds; round++) {
      short.push(await passFew(berth, batches))
      long.push(await passMany(berth, batches))
    }
    const count = (batches * A_BATCH).toLocaleString('en')
    findings.push(
      compare(
        `µs of the balancer a task, enqueue and dispatch, ${count} waiting`,
        long.map(({ enqueue, dispatch }) => enqueue + dispatch),
        `${FEW} waiting`,
        short,
        { max: 1.1 },
      ),
    )
    const last = long.at(-1)
    const notes = [`last round: enqueue ${show(last?.enqueue)}, dispatch ${show(last?.dispatch)} µs`]
    return {
      findings,
      notes: [...notes, `a task is one of a batch of ${A_BATCH} on a connection of its own`],
    }
  },
}

function show(us: number | undefined): string {
  return us === undefined ? 'unknown' : us.toFixed(1)
}

/** Every slot is taken, so that whatever comes waits; returns who lets go of them. */
async function block({ url }: Berth): Promise<() => void> {
  const body = JSON.stringify({ function: 'pause', input: { ms: 60_000 } })
  const holders = Array.from({ length: WORKERS * SLOTS }, () => readStream(url, '/task', body))
  await until(url, (queue) => queue.running === holders.length)
  return () => {
    for (const { socket } of holders) socket.destroy()
  }
}

/** Batches of one and then as many of many: what they differ by is nothing but tasks. */
async function weigh(berth: Berth, batches: number): Promise<Finding> {
  const release = await block(berth)
  const none = await readMemory(berth.balancer)
  const ones = await send(berth, batches, 1)
  const few = await readMemory(berth.balancer)
  const full = await send(berth, batches, A_BATCH)
  const many = await readMemory(berth.balancer)
  release()
  await Promise.all([...ones, ...full].map(({ whole }) => whole))
  const differ = many.residentBytes - few.residentBytes - (few.residentBytes - none.residentBytes)
  const each = differ / (batches * (A_BATCH - 1)) - TASK.length
  return compare('bytes a waiting task beyond its body', [each], 'the goal of 2 KB', [BYTES_GOAL], { max: 1 })
}

async function passMany(berth: Berth, batches: number): Promise<Costs> {
  const release = await block(berth)
  const startedAt = cpuUsOf(berth.balancer.pid)
  const sent = await send(berth, batches, A_BATCH)
  const queuedAt = cpuUsOf(berth.balancer.pid)
  release()
  await Promise.all(sent.map(({ whole }) => whole))
  const count = batches * A_BATCH
  const endedAt = cpuUsOf(berth.balancer.pid)
  return { enqueue: (queuedAt - startedAt) / count, dispatch: (endedAt - queuedAt) / count }
}

/** Sends batches and waits until all their tasks wait. */
async function send({ url }: Berth, batches: number, size: number): Promise<StreamRead[]> {
  const before = inAll(await queueOf(url))
  const sent: StreamRead[] = []
  for (let index = 0; index < batches; index++) {
    sent.push(readStream(url, '/tasks', TASK.repeat(size)))
    if (sent.length % CONNECTS_AT_ONCE > 0) continue
    await until(url, (queue) => inAll(queue) === before + sent.length * size)
  }
  await until(url, (queue) => inAll(queue) === before + batches * size)
  return sent
}

/** As many tasks, a few batches at a time. µs each. */
async function passFew({ url, balancer }: Berth, batches: number): Promise<number> {
  const startedAt = cpuUsOf(balancer.pid)
  let left = batches
  const loop = async () => {
    while (left-- > 0) await readStream(url, '/tasks', TASK.repeat(A_BATCH)).whole
  }
  await Promise.all(Array.from({ length: FEW_BATCHES }, loop))
  return (cpuUsOf(balancer.pid) - startedAt) / (batches * A_BATCH)
}

interface Queue {
  readonly waiting: number
  readonly running: number
}

/** A few of those that wait are sent ahead. */
function inAll({ waiting, running }: Queue): number {
  return waiting + running
}

async function queueOf(url: string): Promise<Queue> {
  const response = await fetch(`${url}/health`, { headers: { authorization: KEY } })
  return ((await response.json()) as { queue: Queue }).queue
}

async function until(url: string, isThere: (queue: Queue) => boolean): Promise<void> {
  const endsAt = Date.now() + LIMIT_MS
  for (;;) {
    const queue = await queueOf(url)
    if (isThere(queue)) return
    if (Date.now() > endsAt) throw new Error(`${url} stands at ${JSON.stringify(queue)}`)
    await sleep(POLL_MS)
  }
}
