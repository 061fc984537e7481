/**
 * Lists and counts of runs, by a thousand questions that nobody chose: what a store answers is held against a plain
 * array that is filtered one by one. The seed is printed when they differ.
 */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { RUN_STATUSES } from '@berth/protocol'
import type { RunFilter } from '../../balancer/src/ports/run-filter.ts'
import type { RunParts, RunTally } from '../../balancer/src/ports/run-reads.ts'
import type { RunWrite } from '../../balancer/src/ports/run-writes.ts'
import type { LiveRun, RunEnd } from '../../balancer/src/ports/stored-run.ts'
import { RunLists } from '../../balancer/src/store/run-lists.ts'
import { SqliteStore } from '../../balancer/src/store/sqlite-store.ts'
import { Statements } from '../../balancer/src/store/statements.ts'
import { accepted, finished, makeEnd, makeRun, RunBench, T0 } from './run-store-bench.ts'
import { KINDS, newPath } from './store-places.ts'

const RUNS = 300
const QUESTIONS = 200
/** Another one looks at other cases: `SEED=42 node --test …`. */
const SEED = Number(process.env.SEED ?? 20_261_122)

type Random = (below: number) => number

function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0
    return Math.floor((((state ^ (state >>> 13)) >>> 0) / 2 ** 32) * below)
  }
}

const pick = <Item>(random: Random, items: readonly Item[]): Item => items[random(items.length)] as Item

const GROUPS = ['default', 'gpu']
const FUNCTIONS = ['hello', 'resizeImage', 'send-mail', 'grüßen', 'r2d2']
const WORKERS = ['w1', 'w1#2', 'w2', 'host:3000/päth']
const WORDS = ['Zoë', 'Order-12', 'order', '東京', "it's", 'R', '__proto__', 'IMAGE', 'a']
const CODES = ['FUNCTION_FAILED', 'WORKER_LOST', 'TIMEOUT'] as const
const DETAILS = ['No such order 12', 'über "alles"', 'ENOENT: image.png', 'timeout of r2d2', '']

/** What a naive reader knows of a run. */
interface Known {
  readonly run: LiveRun
  readonly end: RunEnd | undefined
}

function makeKnown(random: Random, seq: number, acceptedMs: number): Known {
  const maybe = <Value>(value: Value, none: null = null) => (random(3) === 0 ? value : none)
  const metadata = random(3) === 0 ? { [pick(random, WORDS)]: pick(random, WORDS) } : {}
  const status = pick(random, RUN_STATUSES)
  const isLive = status === 'scheduled' || status === 'queued' || status === 'running'
  const worker = maybe(pick(random, WORKERS))
  const run = makeRun(seq, {
    acceptedMs,
    group: pick(random, GROUPS),
    function: pick(random, FUNCTIONS),
    session: maybe(pick(random, ['s1', 's2'])),
    schedule: maybe(pick(random, ['c1', 'c2'])),
    metadata,
    ...(isLive ? { status, worker } : {}),
  })
  if (isLive) return { run, end: undefined }
  const hasError = status !== 'completed'
  const code = pick(random, CODES)
  const error = hasError ? { code, detail: pick(random, DETAILS) } : null
  return { run, end: makeEnd({ status, worker, error }) }
}

function makeFilter(random: Random, known: readonly Known[]): RunFilter {
  const some = <Value>(make: () => Value, chance = 4) => (random(chance) === 0 ? make() : undefined)
  const instant = () => T0 + random(RUNS)
  const part = () => {
    const { id } = pick(random, known).run
    return id.slice(random(2) * 2, 3 + random(id.length))
  }
  const words = () => {
    const text =
      random(4) === 0 ? part() : pick(random, [...WORDS, ...FUNCTIONS, ...DETAILS, 'failed', '!', ' '])
    const cut = random(2) === 0 ? text : text.slice(0, 1 + random(text.length))
    return random(4) === 0 ? `${cut} ${pick(random, WORDS)}` : cut
  }
  return {
    status: some(() => RUN_STATUSES.filter(() => random(3) === 0)),
    group: some(() => pick(random, [...GROUPS, 'nobody'])),
    function: some(() => pick(random, [...FUNCTIONS, 'nobody'])),
    worker: some(() => pick(random, ['w1', 'w2', 'host:3000/päth', 'nobody'])),
    session: some(() => pick(random, ['s1', 's3']), 6),
    schedule: some(() => pick(random, ['c1', 'c3']), 6),
    error: some(() => pick(random, [...CODES, 'FAILED']), 6),
    q: some(words, 2),
    fromMs: some(instant),
    toMs: some(instant),
  }
}

// --- The naive reader: written by the words of the contract, with nothing of the stores' ------------------------

function cut(text: string): string[] {
  return (
    text
      .normalize('NFD')
      .replace(/\p{M}/gu, '')
      .match(/[\p{L}\p{N}]+/gu) ?? []
  )
}

function wordsOf({ run, end }: Known): string[] {
  const { id, function: name, metadata } = run
  const texts = [id, name, ...Object.entries(metadata).flat()]
  if (end?.error) texts.push(end.error.code, end.error.detail)
  return texts.flatMap(cut).flatMap((word) => {
    const camel = word.split(/(?<=\p{Ll}|\p{N})(?=\p{Lu})/u)
    return [word, ...camel].map((one) => one.toLowerCase())
  })
}

function isMeant(filter: RunFilter, known: Known): boolean {
  const { run, end } = known
  const worker = end === undefined ? run.worker : end.worker
  const checks: boolean[] = []
  if (filter.status) checks.push(filter.status.includes(end?.status ?? run.status))
  if (filter.group !== undefined) checks.push(run.group === filter.group)
  if (filter.function !== undefined) checks.push(run.function === filter.function)
  if (filter.worker !== undefined) checks.push(worker?.split('#')[0] === filter.worker)
  if (filter.session !== undefined) checks.push(run.session === filter.session)
  if (filter.schedule !== undefined) checks.push(run.schedule === filter.schedule)
  if (filter.error !== undefined) checks.push(end?.error?.code === filter.error)
  if (filter.fromMs !== undefined) checks.push(run.acceptedMs >= filter.fromMs)
  if (filter.toMs !== undefined) checks.push(run.acceptedMs <= filter.toMs)
  if (filter.q !== undefined && filter.q.trim() !== '') {
    const own = wordsOf(known)
    const sought = cut(filter.q).map((word) => word.toLowerCase())
    checks.push(sought.length > 0 && sought.every((word) => own.some((one) => one.startsWith(word))))
  }
  return checks.every(Boolean)
}

function sorted({ parts, ...span }: RunParts): RunParts {
  const keyOf = (part: RunParts['parts'][number]) => JSON.stringify([part.group, part.function, part.status])
  return { ...span, parts: [...parts].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) }
}

function partsOf(known: readonly Known[]): RunParts {
  const counts = new Map<string, RunParts['parts'][number]>()
  for (const { run, end } of known) {
    const { group, function: name } = run
    const status = end?.status ?? run.status
    const key = JSON.stringify([group, name, status])
    counts.set(key, { group, function: name, status, count: 1 + (counts.get(key)?.count ?? 0) })
  }
  const times = known.map(({ run }) => run.acceptedMs)
  return {
    parts: [...counts.values()],
    oldestMs: times.length === 0 ? null : Math.min(...times),
    newestMs: times.length === 0 ? null : Math.max(...times),
  }
}

/** The newest are counted, all of them or as many as may be. */
function assertTally(
  { cells, cappedMs }: RunTally,
  meant: readonly Known[],
  edges: readonly number[],
  atMost: number,
  label: string,
): void {
  const sum = cells.reduce((total, { count }) => total + count, 0)
  assert.equal(sum, Math.min(meant.length, atMost), label)
  const newest = meant.slice(meant.length - sum)
  const expected = new Map<string, number>()
  for (const { run, end } of newest) {
    const key = `${edges.findLastIndex((edge) => run.acceptedMs >= edge)} ${end?.status ?? run.status}`
    expected.set(key, 1 + (expected.get(key) ?? 0))
  }
  const told = new Map(cells.map(({ bucket, status, count }) => [`${bucket} ${status}`, count]))
  assert.deepEqual(told, expected, label)
  if (meant.length > atMost) {
    const leftOut = meant[meant.length - sum - 1]?.run.acceptedMs ?? 0
    const oldest = newest[0]?.run.acceptedMs ?? 0
    assert.ok(cappedMs !== null && cappedMs >= leftOut && cappedMs <= oldest, `${cappedMs} ${label}`)
  }
  if (meant.length < atMost) assert.equal(cappedMs, null, label)
}

async function fill(bench: RunBench, random: Random): Promise<Known[]> {
  const known: Known[] = []
  let acceptedMs = T0
  for (let seq = 1; seq <= RUNS; seq++) {
    acceptedMs += random(3)
    known.push(makeKnown(random, seq * 10, acceptedMs))
  }
  const ends = known.flatMap(({ run, end }): RunWrite[] => (end ? [finished(run.seq, end)] : []))
  await bench.write(accepted(...known.map(({ run }) => run)), ...ends)
  return known
}

/** Goes from page to page by the last id, as a caller does. */
async function readPages(bench: RunBench, filter: RunFilter, limit: number): Promise<string[]> {
  const ids: string[] = []
  for (let before: string | null = null; ; ) {
    const page = await bench.reads.list(filter, limit, before)
    ids.push(...page.map(({ run }) => run.id))
    if (page.length < limit) return ids
    before = ids.at(-1) ?? null
  }
}

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`lists of a ${kind} store`, () => {
    test(`whatever is asked is answered as one by one, page after page (seed ${SEED})`, async (context) => {
      const random = randomFrom(SEED)
      const bench = await RunBench.open(newPlace())
      context.after(() => bench.close())
      const known = await fill(bench, random)
      let found = 0
      for (let n = 0; n < QUESTIONS; n++) {
        const filter = makeFilter(random, known)
        const expected = known.filter((one) => isMeant(filter, one)).map(({ run }) => run.id)
        const label = `seed ${SEED}, question ${n}: ${JSON.stringify(filter)}`
        assert.deepEqual(await readPages(bench, filter, 1 + random(60)), expected.reverse(), label)
        const atMost = 1 + random(RUNS)
        assert.equal(await bench.reads.count(filter, atMost), Math.min(atMost, expected.length), label)
        assert.deepEqual(
          sorted(await bench.reads.parts(filter)),
          sorted(partsOf(known.filter((one) => isMeant(filter, one)))),
          label,
        )
        found += expected.length
      }
      assert.ok(found > RUNS, 'the questions find something')
    })

    test(`what is meant is added up by status and time, the newest so many (seed ${SEED})`, async (context) => {
      const random = randomFrom(SEED)
      const bench = await RunBench.open(newPlace())
      context.after(() => bench.close())
      const known = await fill(bench, random)
      let found = 0
      for (let n = 0; n < QUESTIONS; n++) {
        const edges = Array.from({ length: 2 + random(20) }, (_, at) => T0 + 5 + at * (1 + (n % 40)))
        const [fromMs = 0, toMs = 0] = [edges[0], (edges.at(-1) ?? 0) - 1]
        const filter = { ...makeFilter(random, known), fromMs, toMs }
        const meant = known.filter((one) => isMeant(filter, one))
        const atMost = 1 + random(RUNS / 2)
        const tally = await bench.reads.tally(filter, edges, atMost)
        const label = `seed ${SEED}, question ${n}, ${atMost}: ${JSON.stringify(filter)}`
        assertTally(tally, meant, edges, atMost, label)
        found += meant.length
      }
      assert.ok(found > RUNS, 'the questions find something')
    })
  })
}

test(`words and other conditions together, by each of the ways that SQLite may take (seed ${SEED})`, async (context) => {
  const random = randomFrom(SEED)
  const path = newPath()
  const bench = await RunBench.open({ make: () => new SqliteStore({ path }) })
  const known = await fill(bench, random)
  await bench.close()
  const database = new DatabaseSync(path)
  context.after(() => database.close())
  const statements = new Statements(database)
  const ways = {
    'the newest first': { glanced: 100, fewRuns: 0, manyRuns: 0 },
    'one by one': { glanced: 0, fewRuns: 10_000, manyRuns: 0 },
    'gathered first': { glanced: 0, fewRuns: 0, manyRuns: 10_000 },
    'each looked up': { glanced: 0, fewRuns: 0, manyRuns: 0 },
  }
  let found = 0
  for (let n = 0; n < QUESTIONS; n++) {
    const filter = makeFilter(random, known)
    const expected = known.filter((one) => isMeant(filter, one)).map(({ run }) => run.seq)
    for (const [way, terms] of Object.entries(ways)) {
      const listed = new RunLists(statements, terms).list(filter, 40, null).map(({ run }) => run.seq)
      const label = `seed ${SEED}, question ${n}, ${way}: ${JSON.stringify(filter)}`
      assert.deepEqual(listed, expected.toReversed().slice(0, 40), label)
    }
    if (filter.q !== undefined) found += expected.length
  }
  assert.ok(found > RUNS, 'the questions find something by words')
})
