/**
 * What the balancer holds for each thing that may come in numbers: a linked worker, a waiting task with its caller,
 * a stream, a dashboard tab; whether a million tasks leave anything behind, and whether equal interfaces are kept once.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { driveWrk, makeRequest } from '../load.ts'
import { COLLECTS, type Memory, readMemory } from '../memory.ts'
import { type Berth, KEY, startBalancer, startBerth, waitForWorkers } from '../peers/berth.ts'
import { compare, type Finding, type Scenario, type Settings } from '../scenario.ts'
import { Stage, type Started, urlIn } from '../stage.ts'
import { readStream } from '../stream-reader.ts'

const SLOTS = 600
const STREAMS = 1_000
const WAITING = 2_000
const TABS = 200
const WORKERS = 1_000
const TASKS = 1_000_000
/** So many have run before the first look: tables have their size, code is compiled. */
const FIRST_TASKS = 100_000
const A_BATCH = 1_000
const PAUSE = JSON.stringify({ function: 'pause', input: { ms: 60_000 } })
const DRIP = JSON.stringify({ function: 'drip', mode: 'stream', input: { chunks: 2, everyMs: 60_000 } })
/** Characters that every interface of the second fleet has beyond those of the first. */
const DESCRIPTION = 4_000
const MB = 1024 * 1024

export const memory: Scenario = {
  name: 'memory',
  about: 'bytes of the balancer for each worker, waiting task, stream and tab; a million tasks',
  isQuick: false,
  async run(stage, settings) {
    if (process.platform !== 'linux') return { findings: [], notes: ['only Linux has the accounts for this'] }
    const berth = await startBerth(stage, { slots: SLOTS, options: COLLECTS })
    const findings = await passMillion(stage, berth, settings)
    findings.push(await weighTabs(berth), await weighStreams(berth), await weighWaiting(berth))
    findings.push(...(await weighWorkers()))
    return {
      findings,
      notes: ['what V8 holds has buffers in it; what the system counts has the sockets, too'],
    }
  },
}

/** What so many of something hold, each, by both counts. */
function each(what: string, count: number, before: Memory, after: Memory): Finding {
  const heap = (after.heapBytes - before.heapBytes) / count / 1024
  const resident = (after.residentBytes - before.residentBytes) / count / 1024
  return compare(`KB ${what}, as V8 counts`, [heap], 'as the system counts', [resident])
}

async function passMillion(stage: Stage, { url, balancer }: Berth, { runS }: Settings): Promise<Finding[]> {
  const request = await makeRequest(stage, {
    path: '/tasks',
    type: 'application/x-ndjson',
    body: Buffer.from('{"function":"hello","input":{"name":"Ada"}}\n'.repeat(A_BATCH)),
  })
  const worker = stage.running.find(({ name }) => name === 'worker') as Started
  const pass = async (least: number) => {
    for (let count = 0; count < least; )
      count += (await driveWrk(url, request, { connections: 4, seconds: runS })) * runS * A_BATCH
  }
  const look = async () => [await readMemory(balancer), await readMemory(worker)] as const
  await pass(FIRST_TASKS)
  const before = await look()
  await pass(TASKS)
  const after = await look()
  return ['balancer', 'a worker'].map((who, index) => {
    const [early = 0, late = 0] = [before[index]?.heapBytes, after[index]?.heapBytes]
    return compare(`MB of ${who} a million tasks later`, [late / MB], 'before them', [early / MB], {
      max: 1.05,
    })
  })
}

async function weighTabs({ url, balancer }: Berth): Promise<Finding> {
  const before = await readMemory(balancer)
  const tabs = await Promise.all(Array.from({ length: TABS }, () => openTab(url)))
  // Of every kind of frame at least one has been sent.
  await sleep(2_000)
  const after = await readMemory(balancer)
  for (const tab of tabs) tab.terminate()
  return each('a dashboard tab', TABS, before, after)
}

function openTab(url: string): Promise<WebSocket> {
  const tab = new WebSocket(`${url.replace('http', 'ws')}/feed`, { headers: { authorization: KEY } })
  return new Promise((resolve, reject) => {
    tab.once('message', () => resolve(tab))
    tab.once('error', reject)
  })
}

async function weighStreams({ url, balancer }: Berth): Promise<Finding> {
  const before = await readMemory(balancer)
  const streams = Array.from({ length: STREAMS }, () => readStream(url, '/task', DRIP))
  await Promise.all(streams.map(({ first }) => first))
  const after = await readMemory(balancer)
  for (const { socket } of streams) socket.destroy()
  await untilQueue(url, 0)
  return each('a stream', STREAMS, before, after)
}

async function weighWaiting({ url, balancer }: Berth): Promise<Finding> {
  const running = Array.from({ length: 2 * SLOTS }, () => readStream(url, '/task', PAUSE))
  await untilQueue(url, running.length)
  const before = await readMemory(balancer)
  const waiting = Array.from({ length: WAITING }, () => readStream(url, '/task', PAUSE))
  await untilQueue(url, running.length + WAITING)
  const after = await readMemory(balancer)
  for (const { socket } of [...running, ...waiting]) socket.destroy()
  await untilQueue(url, 0)
  return each('a waiting task and its connection', WAITING, before, after)
}

async function untilQueue(url: string, count: number): Promise<void> {
  for (let turn = 0; turn < 400; turn++) {
    const response = await fetch(`${url}/health`, { headers: { authorization: KEY } })
    const { queue } = (await response.json()) as { queue: { waiting: number; running: number } }
    if (queue.waiting + queue.running === count) return
    await sleep(50)
  }
  throw new Error(`${url} has not come to ${count} tasks`)
}

/** Fleets in which all say the same: one says little of its functions, the other much. */
async function weighWorkers(): Promise<Finding[]> {
  const short = await weighFleet(0)
  const long = await weighFleet(DESCRIPTION)
  const told = `KB a worker, each interface ${Math.round(DESCRIPTION / 200)} KB longer`
  return [
    compare('KB a linked worker', [short], 'the goal of 15 KB', [15], { max: 1 }),
    compare(told, [long], 'short ones', [short], { max: 1.2 }),
  ]
}

/** KB each. */
async function weighFleet(description: number): Promise<number> {
  const stage = await Stage.open()
  try {
    const main = join(import.meta.dirname, '../peers/many-workers.ts')
    const env = { DESCRIPTION: String(description) }
    const fleet = await stage.start(
      { name: 'fleet', command: process.execPath, args: [main], env },
      async ({ output }) => urlIn(output(), 'fleet ready') !== undefined,
    )
    const base = urlIn(fleet.output(), 'fleet ready')
    const held: number[] = []
    for (const count of [10, WORKERS]) {
      const urls = Array.from({ length: count }, (_, index) => `${base}/w${index}`)
      const env = { DATA_DIR: join(stage.folder, `data-${count}`) }
      const balancer = await startBalancer(stage, urls, env, COLLECTS)
      await waitForWorkers(urlIn(balancer.output(), 'balancer ready') as string, count)
      held.push((await readMemory(balancer)).residentBytes)
      await balancer.stop()
    }
    const [few = 0, many = 0] = held
    return (many - few) / (WORKERS - 10) / 1024
  } finally {
    await stage.end()
  }
}
