/**
 * Runs that outlive their request, fsync on, against BullMQ on a Redis that does not sync: handed over and forgotten.
 * A rate counts what has ended, from the first acceptance until nothing is left, as the store has it.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuUsOf } from '../cpu.ts'
import { driveH2load, driveWrk, makeRequest, type RequestKind } from '../load.ts'
import { type Berth, KEY, startBerth } from '../peers/berth.ts'
import { type BullMq, startBullMq } from '../peers/bullmq.ts'
import { compare, median, type Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const TASK = '{"function":"hello","input":{"name":"Ada"},"mode":"async"}'
const AT_A_TIME = 32
const BATCH = 10_000
const BULLMQ = 'BullMQ on Redis without fsync'

export const durable: Scenario = {
  name: 'durable',
  about: 'runs on disk from their acceptance to their end against BullMQ, runs/s',
  isQuick: false,
  async run(stage, { rounds, warmUpS, runS }) {
    const bullmq = await startBullMq(stage)
    if (bullmq === undefined)
      return { findings: [], notes: [`${BULLMQ} was left out: redis-server is not installed`] }
    const berth = await startBerth(stage)
    const store = new Store(stage, berth)
    const task = await requestOf(stage, '/task', TASK)
    const rates = { ours: [] as number[], theirs: [] as number[] }
    const batches = { ours: [] as number[], theirs: [] as number[] }
    const costs = { ours: [] as number[], theirs: [] as number[] }
    const ours = new Account(() => usOf(stage, ['balancer', 'worker']))
    // Its client does a part of the work that our balancer does.
    const theirs = new Account(() => usOf(stage, ['redis', 'bullmq worker']) + ownUs())
    await oneByOne(berth, store, task, warmUpS)
    await addOneByOne(bullmq, warmUpS)
    await atOnce(berth, store)
    await addAtOnce(bullmq)
    for (let round = 0; round < rounds; round++) {
      ours.begin()
      const one = await oneByOne(berth, store, task, runS)
      rates.ours.push(one.rate)
      costs.ours.push(ours.costOf(one.count))
      theirs.begin()
      const other = await addOneByOne(bullmq, runS)
      rates.theirs.push(other.rate)
      costs.theirs.push(theirs.costOf(other.count))
      batches.ours.push(await atOnce(berth, store))
      batches.theirs.push(await addAtOnce(bullmq))
    }
    await bullmq.close()
    const rate = median(rates.ours) / 2
    const latency = await driveH2load(stage, berth.url, task, { connections: AT_A_TIME, seconds: runS, rate })
    store.close()
    return {
      findings: [
        compare(`runs/s, ${AT_A_TIME} at a time`, rates.ours, BULLMQ, rates.theirs, { min: 3 }),
        compare(`runs/s, ${BATCH} in one request`, batches.ours, `${BULLMQ}, addBulk`, batches.theirs, {
          min: 3,
        }),
        compare('µs of processor time a run', costs.ours, BULLMQ, costs.theirs),
      ],
      notes: [
        `acceptance at ${Math.round(rate)} runs/s: p50 ${latency.p50Ms.toFixed(1)} ms, p99 ${latency.p99Ms.toFixed(1)} ms (goal 20)`,
      ],
    }
  },
}

/** The balancer's runs, counted in its database, which is read beside it. */
class Store {
  readonly #database: DatabaseSync
  readonly #url: string

  constructor(stage: Stage, { url }: Berth) {
    this.#database = new DatabaseSync(join(stage.folder, 'data', 'berth.db'), { readOnly: true })
    this.#url = url
  }

  /** Only behind `idle`. */
  countDone(): number {
    return Number(this.#database.prepare('SELECT count(*) AS n FROM runs_done').get()?.n)
  }

  /** Resolves when every run has ended: a list is answered when all that is in the journal is in the tables. */
  async idle(): Promise<void> {
    while (await this.#hasLive()) await sleep(5)
  }

  close(): void {
    this.#database.close()
  }

  async #hasLive(): Promise<boolean> {
    const url = `${this.#url}/runs?status=scheduled,queued,running&limit=1`
    const answer = await fetch(url, { headers: { authorization: `Bearer ${KEY}` } })
    const { items } = (await answer.json()) as { items: readonly unknown[] }
    return items.length > 0
  }
}

/** What of the processor's time has been used since its beginning. */
class Account {
  readonly #read: () => number
  #before = 0

  constructor(read: () => number) {
    this.#read = read
  }

  begin(): void {
    this.#before = this.#read()
  }

  costOf(runs: number): number {
    return (this.#read() - this.#before) / runs
  }
}

function usOf(stage: Stage, names: readonly string[]): number {
  if (process.platform !== 'linux') return Number.NaN
  const pids = stage.running.filter(({ name }) => names.includes(name)).map(({ pid }) => pid)
  return pids.reduce((sum, pid) => sum + cpuUsOf(pid), 0)
}

function ownUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

interface Driven {
  readonly count: number
  /** A second. */
  readonly rate: number
}

function requestOf(stage: Stage, path: string, body: string): Promise<RequestKind> {
  return makeRequest(stage, { path, type: 'application/json', body: Buffer.from(body) })
}

async function oneByOne({ url }: Berth, store: Store, task: RequestKind, seconds: number): Promise<Driven> {
  const before = store.countDone()
  const startedAt = performance.now()
  await driveWrk(url, task, { connections: AT_A_TIME, seconds })
  await store.idle()
  const tookMs = performance.now() - startedAt
  const count = store.countDone() - before
  return { count, rate: (count * 1000) / tookMs }
}

async function atOnce({ url }: Berth, store: Store): Promise<number> {
  const body = `[${Array.from({ length: BATCH }, () => TASK).join(',')}]`
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const startedAt = performance.now()
  const answer = await fetch(`${url}/tasks`, { method: 'POST', headers, body })
  if (answer.status !== 202) throw new Error(`a batch got ${answer.status}: ${await answer.text()}`)
  await answer.arrayBuffer()
  await store.idle()
  return (BATCH * 1000) / (performance.now() - startedAt)
}

async function addOneByOne(bullmq: BullMq, seconds: number): Promise<Driven> {
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  let count = 0
  const loop = async () => {
    while (performance.now() < endsAt) {
      await bullmq.submit()
      count++
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, loop))
  await bullmq.idle()
  return { count, rate: (count * 1000) / (performance.now() - startedAt) }
}

async function addAtOnce(bullmq: BullMq): Promise<number> {
  const startedAt = performance.now()
  await bullmq.submitMany(BATCH)
  await bullmq.idle()
  return (BATCH * 1000) / (performance.now() - startedAt)
}
