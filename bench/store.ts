/**
 * What the store of durable runs does alone, without a balancer around it: `pnpm bench:store [runs] [part …]`,
 * 1,000,000 unless given. Rates of runs accepted and finished, with every batch synced, and the cost of it on the main
 * thread (`rates`); opening with all runs queued (`opening`); first pages and summaries of filters with all runs done
 * (`pages`, of a file that `BENCH_KEPT=<folder>` keeps for the next time). Prints, and with all parts keeps
 * `results/store.json`. Invariant: a rate counts only runs whose end was said to be on disk.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { RunFilter } from '../balancer/src/ports/run-filter.ts'
import type { StoreContents, StoreWrite } from '../balancer/src/ports/store.ts'
import { SqliteStore } from '../balancer/src/store/sqlite-store.ts'
import { acceptedRun, endOf, idAt, LANES } from '../balancer/src/store/testing/stored-runs.ts'
import { storedFilters } from './stored-filters.ts'

const RATE_S = 5
/** Batches that wait for the disk at once, as ticks of a busy balancer do. */
const IN_FLIGHT = 4
const PAGE = 51
const ASKED = 40
const FILL = 1_000
/** What a first page, or a summary, of any filter may take at p95. */
const GOAL_MS = 100

const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'berth-bench-store-'))
const runs = Number(process.argv[2] ?? 1_000_000)

type Report = Record<string, number | string>

if (process.argv[3] === 'open-alone') await reportOpening(process.argv[4] ?? '')
else await main()

async function main(): Promise<void> {
  const parts = { rates: measureRates, opening: measureOpening, pages: measurePages }
  const asked = process.argv.slice(3)
  const unknown = asked.find((name) => !Object.hasOwn(parts, name))
  if (unknown !== undefined)
    throw new Error(`no part "${unknown}"; known are ${Object.keys(parts).join(', ')}`)
  const report: Report = { runs, loadBefore: round(loadavg()[0] ?? 0, 2) }
  try {
    for (const [name, measure] of Object.entries(parts))
      if (asked.length === 0 || asked.includes(name)) Object.assign(report, await measure())
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  if (asked.length === 0) keep(report)
}

async function measureRates(): Promise<Report> {
  return { ...(await measureRate(32)), ...(await measureRate(1_000)) }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Opens a store whose batches can be waited for. */
async function openStore(name: string, within = folder) {
  const path = join(within, name, 'berth.db')
  const store = new SqliteStore({ path })
  const waiting = new Map<number, (() => void)[]>()
  const contents: StoreContents = await store.open({
    onPersisted(batch) {
      for (const wake of waiting.get(batch) ?? []) wake()
      waiting.delete(batch)
    },
    onFailed: (batch, detail) => {
      throw new Error(`batch ${batch}: ${detail}`)
    },
    onClaimed() {},
    onDue() {},
    onTurns() {},
  })
  const write = (writes: readonly StoreWrite[]) =>
    new Promise<void>((resolve) => {
      const batch = store.apply(writes)
      waiting.set(batch, [...(waiting.get(batch) ?? []), resolve])
    })
  return { store, contents, write, path }
}

/** Each batch accepts some runs and ends those of the batch before. */
async function measureRate(size: number): Promise<Report> {
  const { store, write } = await openStore(`rate-${size}`)
  let seq = 0
  let ended = 0
  const waits: number[] = []
  const untilAt = performance.now() + RATE_S * 1_000
  const cpuBefore = process.threadCpuUsage()
  const startedAt = performance.now()
  const pump = async () => {
    let last: number[] = []
    while (performance.now() < untilAt) {
      const next = Array.from({ length: size }, () => ++seq)
      const writes: StoreWrite[] = last.map((one) => endOf(one))
      writes.push(...next.map((one) => acceptedRun(one, 'queued')))
      const sentAt = performance.now()
      await write(writes)
      waits.push(performance.now() - sentAt)
      ended += last.length
      last = next
      // A batch is what one turn of the event loop brings.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, pump))
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.threadCpuUsage(cpuBefore)
  await store.close()
  const rate = Math.round(ended / seconds)
  const mainUs = round((user + system) / ended, 2)
  const [p50, p99] = [quantile(waits, 0.5), quantile(waits, 0.99)]
  say(`batches of ${size}: ${rate} runs/s accepted and ended, ${mainUs} µs a run on the main thread;`)
  say(`  a batch is on disk after ${p50} ms, p99 ${p99} ms`)
  return { [`rate${size}`]: rate, [`mainUs${size}`]: mainUs, [`p50Ms${size}`]: p50, [`p99Ms${size}`]: p99 }
}

async function measureOpening(): Promise<Report> {
  const { store, write, path } = await openStore('queued')
  const startedAt = performance.now()
  for (let seq = 1; seq <= runs; seq += FILL)
    await write(
      Array.from({ length: Math.min(FILL, runs - seq + 1) }, (_, n) => acceptedRun(seq + n, 'queued')),
    )
  const fillRate = Math.round((runs / (performance.now() - startedAt)) * 1_000)
  await store.close()
  const fileMb = Math.round(statSync(path).size / 2 ** 20)
  const said = execFileSync(process.execPath, [
    import.meta.filename,
    String(runs),
    'open-alone',
    path,
  ]).toString()
  const opened: Report = JSON.parse(said)
  rmSync(join(folder, 'queued'), { recursive: true, force: true })
  say(`${runs} queued (${fileMb} MB): open in ${opened.openMs} ms, RSS ${opened.rssMb} MB`)
  return { ...opened, fillRate, fileMb }
}

/** A process of its own, which has nothing in memory but what the store brings. */
async function reportOpening(path: string): Promise<void> {
  const claimed = Promise.withResolvers<void>()
  const store = new SqliteStore({ path })
  const startedAt = performance.now()
  let open = LANES
  const contents = await store.open({
    onPersisted() {},
    onFailed() {},
    onClaimed: () => --open === 0 && claimed.resolve(),
    onDue() {},
    onTurns() {},
  })
  const openMs = Math.round(performance.now() - startedAt)
  for (const lane of contents.runs.lanes) store.claim(lane.lane, lane, 1_000, null)
  await claimed.promise
  const claimedMs = Math.round(performance.now() - startedAt)
  const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
  await store.close()
  const { live, lanes } = contents.runs
  say(JSON.stringify({ openMs, claimedMs, rssMb, live, lanes: lanes.length }))
}

async function measurePages(): Promise<Report> {
  const { store, report } = await openDone()
  const slow: string[] = []
  for (const [name, filter] of Object.entries(storedFilters(runs))) {
    const times: number[] = []
    let found = 0
    for (let n = 0; n < ASKED; n++) {
      const askedAt = performance.now()
      found = (await store.reads.list(filter, PAGE, null)).length
      times.push(performance.now() - askedAt)
    }
    const tallyMs = await measureTally(store, filter)
    report[`summary: ${name}`] = tallyMs
    const countedAt = performance.now()
    const count = await store.reads.count(filter, 10_000)
    const countMs = round(performance.now() - countedAt, 1)
    const p95 = quantile(times, 0.95)
    say(
      `${p95.toFixed(1).padStart(8)} ms p95: ${name} (${found} found, ${count} counted in ${countMs} ms, summary ${tallyMs} ms)`,
    )
    report[`page: ${name}`] = p95
    if (Math.max(p95, tallyMs) > GOAL_MS) slow.push(name)
  }
  await store.close()
  say(slow.length === 0 ? `none over ${GOAL_MS} ms` : `over ${GOAL_MS} ms: ${slow.join('; ')}`)
  return report
}

/** All runs done, made now or kept from the last time. */
async function openDone(): Promise<{ store: SqliteStore; report: Report }> {
  const kept = process.env.BENCH_KEPT
  const name = `done-${runs}`
  const isThere = kept !== undefined && existsSync(join(kept, name, 'whole'))
  const { store, write, path } = await openStore(name, kept)
  if (isThere) return { store, report: {} }
  const startedAt = performance.now()
  for (let seq = 1; seq <= runs; seq += FILL) {
    const seqs = Array.from({ length: Math.min(FILL, runs - seq + 1) }, (_, n) => seq + n)
    await write([...seqs.map((one) => acceptedRun(one, 'queued')), ...seqs.map((one) => endOf(one))])
  }
  const endRate = Math.round((runs / (performance.now() - startedAt)) * 1_000)
  if (kept !== undefined) writeFileSync(join(dirname(path), 'whole'), '')
  return { store, report: { endRate } }
}

/** The summary of an hour and of everything, in sixty buckets; p95 of both. */
async function measureTally(store: SqliteStore, filter: RunFilter): Promise<number> {
  const times: number[] = []
  const last = idAt(runs).acceptedMs
  for (const spanMs of [last - idAt(1).acceptedMs, 3_600]) {
    const fromMs = filter.fromMs ?? last - spanMs
    const toMs = filter.toMs ?? last
    const edges = Array.from({ length: 61 }, (_, n) => fromMs + (n * (toMs + 1 - fromMs)) / 60)
    for (let n = 0; n < ASKED / 4; n++) {
      const askedAt = performance.now()
      await store.reads.tally({ ...filter, fromMs, toMs }, edges, 100_000)
      times.push(performance.now() - askedAt)
    }
  }
  return quantile(times, 0.95)
}

function keep(report: Report): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim()
  const machine = { cpus: availableParallelism(), cpu: cpus()[0]?.model ?? 'unknown', node: process.version }
  const kept = { scenario: 'store', at: new Date().toISOString(), commit, machine, ...report }
  const results = join(import.meta.dirname, 'results')
  mkdirSync(results, { recursive: true })
  writeFileSync(join(results, 'store.json'), `${JSON.stringify(kept, null, 2)}\n`)
}

function quantile(times: readonly number[], part: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0, 1)
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
