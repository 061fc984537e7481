/**
 * Turns of sessions, of all stores: who goes next, what is held, what a handler gets of the turns before it. At the
 * end all are led through the same random lives, and each is held against the others and against the rule.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LIMITS } from '@berth/protocol'
import type { RunWrite } from '../../balancer/src/ports/run-writes.ts'
import type { LiveRun, RunEnd } from '../../balancer/src/ports/stored-run.ts'
import { accepted, finished, makeRun, payloadOf, RunBench, T0 } from './run-store-bench.ts'
import { KINDS } from './store-places.ts'

const NOTHING = { session: 's', head: null, run: null, worker: null }

function turn(seq: number, changes: Partial<LiveRun> = {}): LiveRun {
  return makeRun(seq, { session: 's', ...changes })
}

function ended(seq: number, changes: Partial<RunEnd> = {}, session = 's'): RunWrite {
  return { ...finished(seq, changes), session } as RunWrite
}

async function open(kind: string): Promise<RunBench> {
  return RunBench.open((KINDS[kind] as (typeof KINDS)[string])())
}

const parsed = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString() || '[]')

for (const kind of Object.keys(KINDS))
  describe(`the ${kind} store`, () => {
    test('lets one run of a session go, then the next in the order of acceptance, whatever has become of it', async () => {
      const bench = await open(kind)
      const [first, second, third, other] = [turn(1), turn(2), turn(3), makeRun(4)] as const
      await bench.write(accepted(first), accepted(second), accepted(third, other))
      const inLane = async () => (await bench.claim(first, 10)).runs.map(({ seq }) => seq)
      assert.deepEqual(await inLane(), [1, 4], 'the others are held')
      const [asked] = await bench.askTurns('s')
      assert.deepEqual([asked?.head?.id, asked?.run?.seq, asked?.worker], [first.id, 1, null])
      assert.equal(Buffer.from(asked?.run?.payload.bytes ?? []).toString(), '{"n":1}')
      const [known] = await bench.askTurns({ session: 's', known: first.id })
      assert.equal(known?.run, null)
      assert.deepEqual(await bench.reads.turnOf(third.id), { head: first.id, before: 2 })
      assert.equal(await bench.reads.turnOf(first.id), null)
      await bench.write(ended(1, { status: 'failed', worker: 'w9', result: null }))
      assert.deepEqual(await inLane(), [2, 4])
      const [next] = await bench.askTurns('s')
      assert.deepEqual([next?.run?.seq, next?.worker], [2, 'w9'])
      await bench.write(ended(3, { status: 'cancelled', worker: null }), ended(2, { worker: 'w2' }))
      const [last] = await bench.askTurns('s')
      assert.deepEqual(last, { ...NOTHING, worker: 'w2' })
      await bench.close()
    })

    test('a delayed run joins when it is due, behind those accepted before', async () => {
      const bench = await open(kind)
      await bench.write(accepted(turn(1), turn(2, { status: 'scheduled', dueMs: T0 + 50 }), turn(3)))
      await bench.write(accepted(turn(4, { session: 'later', status: 'scheduled', dueMs: T0 + 50 })))
      assert.deepEqual(await bench.askTurns('later'), [{ ...NOTHING, session: 'later' }])
      const due = await bench.takeDue(T0 + 60, 10)
      assert.deepEqual(
        due.runs.map(({ seq }) => seq),
        [2, 4],
      )
      await bench.write(accepted(turn(5)))
      const order: (number | undefined)[] = []
      for (let next = await bench.askTurns('s'); next[0]?.run; next = await bench.askTurns('s')) {
        order.push(next[0].run.seq)
        await bench.write(ended(next[0].run.seq))
      }
      assert.deepEqual(order, [1, 3, 2, 5])
      const [later] = await bench.askTurns('later')
      assert.equal(later?.run?.seq, 4)
      await bench.close()
    })

    test('a run that is scheduled again by a late write joins once', async () => {
      const bench = await open(kind)
      await bench.write(accepted(turn(1), turn(2, { status: 'scheduled', dueMs: T0 + 50 })))
      await bench.takeDue(T0 + 60, 10)
      const progress = { status: 'scheduled', priority: 7, attempt: 0, failures: 0, losses: 0 } as const
      const nowhere = { worker: null, boot: null, fence: null, startedMs: null, history: [] }
      await bench.write({ kind: 'run-moved', seq: 2, progress: { ...progress, ...nowhere } })
      const again = await bench.takeDue(T0 + 70, 10)
      assert.deepEqual(
        again.runs.map(({ seq }) => seq),
        [2],
      )
      await bench.write(ended(1))
      assert.equal((await bench.askTurns('s'))[0]?.run?.seq, 2)
      await bench.close()
    })

    test('the head counts with the most urgent priority that waits, and no longer', async () => {
      const bench = await open(kind)
      const priority = async () => (await bench.askTurns('s'))[0]?.head?.priority
      await bench.write(accepted(turn(1), turn(2, { priority: 7 })))
      assert.equal(await priority(), 7)
      const held = await bench.reads.find(turn(2).id)
      assert.equal(held?.kind === 'live' && held.run.priority, 7)
      await bench.write({ kind: 'turn-set', seq: 2, priority: 3 })
      assert.equal(await priority(), 3)
      await bench.write({ kind: 'turn-set', seq: 2, priority: 500 })
      assert.equal(await priority(), 100, 'its own')
      await bench.write(accepted(turn(3, { priority: 1 })))
      assert.equal(await priority(), 1)
      await bench.write(ended(3, { status: 'cancelled' }))
      assert.equal(await priority(), 100)
      await bench.close()
    })

    test('a run that is taken back or forgotten keeps nobody', async () => {
      const bench = await open(kind)
      await bench.write(accepted(turn(1)), accepted(turn(2)), accepted(turn(3)))
      await bench.write({ kind: 'run-removed', seq: 1 })
      const [next] = await bench.askTurns('s')
      assert.equal(next?.run?.seq, 2)
      await bench.write(ended(2), { kind: 'run-removed', seq: 2 })
      assert.deepEqual(parsed(await bench.reads.turns('s')), [])
      assert.equal((await bench.askTurns('s'))[0]?.run?.seq, 3)
      await bench.close()
    })

    test('what a higher fence refuses is not over', async () => {
      const bench = await open(kind)
      await bench.write(accepted(turn(1), turn(2)))
      const progress = { status: 'running', priority: 100, attempt: 1, failures: 0, losses: 0 } as const
      const at = { worker: 'w', boot: 'b', fence: 9, startedMs: null, history: [] }
      await bench.write({ kind: 'run-moved', seq: 1, progress: { ...progress, ...at } })
      await bench.write({ ...ended(1), fence: 8 } as RunWrite)
      const [still] = await bench.askTurns('s')
      assert.deepEqual([still?.head?.id, still?.run], [turn(1).id, null], 'running, nobody’s to take')
      await bench.write({ ...ended(1), fence: 9 } as RunWrite)
      assert.equal((await bench.askTurns('s'))[0]?.run?.seq, 2)
      await bench.close()
    })

    test('a session that bears the id of a run has it as its first turn, running or ended', async () => {
      const bench = await open(kind)
      const [base, gone, late] = [makeRun(1), makeRun(2), makeRun(3, { status: 'scheduled', dueMs: T0 + 9 })]
      await bench.write(accepted(base), accepted(gone), accepted(late), finished(2))
      await bench.write(
        accepted(turn(11, { session: base.id })),
        accepted(turn(12, { session: gone.id })),
        accepted(turn(13, { session: late.id })),
      )
      const asked = await bench.askTurns(base.id, gone.id, late.id)
      assert.deepEqual(
        asked.map(({ head }) => head?.id),
        [base.id, turn(12).id, turn(13).id],
      )
      const sessionOf = async (id: string) => (await bench.reads.find(id))?.run.session
      assert.deepEqual(
        [await sessionOf(base.id), await sessionOf(gone.id), await sessionOf(late.id)],
        [base.id, gone.id, null],
      )
      assert.deepEqual(parsed(await bench.reads.turns(gone.id)), [{ input: { n: 2 }, output: 'done' }])
      await bench.write(ended(1, {}, base.id))
      assert.equal((await bench.askTurns(base.id))[0]?.run?.seq, 11)
      await bench.close()
    })

    test('the newest turns that completed, as many as there is room for, the oldest first', async () => {
      const bench = await open(kind)
      const write = async (seq: number, bytes: Uint8Array, mediaType = '', end: Partial<RunEnd> = {}) => {
        const run = { run: turn(seq), payload: payloadOf(`{"n":${seq}}`) }
        const result = { mediaType, bytes }
        await bench.write({ kind: 'runs-accepted', runs: [run], key: null }, ended(seq, { result, ...end }))
      }
      const text = (value: string) => new TextEncoder().encode(value)
      assert.equal((await bench.reads.turns('s')).length, 0)
      for (let seq = 1; seq <= LIMITS.turns + 1; seq++) await write(seq, text(`"${seq}"`))
      const many = parsed(await bench.reads.turns('s')) as { input: { n: number } }[]
      assert.deepEqual(
        [many.length, many[0]?.input.n, many.at(-1)?.input.n],
        [LIMITS.turns, 2, LIMITS.turns + 1],
      )
      await write(200, text(`"${'x'.repeat(LIMITS.turnsBytes)}"`))
      assert.deepEqual(parsed(await bench.reads.turns('s')), [], 'none before one that is too long')
      await write(201, text('no json'))
      await write(202, new Uint8Array([255, 0]), 'image/png')
      await write(203, text('1'), '', { status: 'failed', result: null })
      await write(204, text(`"${'x'.repeat(LIMITS.turnsBytes - 400)}"`))
      const [none, image] = parsed(await bench.reads.turns('s')) as unknown[]
      assert.deepEqual(none, { input: { n: 201 }, output: null })
      assert.deepEqual(image, { input: { n: 202 }, output: { mediaType: 'image/png', base64: '/wA=' } })
      await bench.close()
    })
  })

// --- Random lives of all --------------------------------------------------------------------------

/** Another one looks at other cases: `SEED=42 node --test …`. */
const SEED = Number(process.env.SEED ?? 20_261_122)

function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0
    return Math.floor((((state ^ (state >>> 13)) >>> 0) / 2 ** 32) * below)
  }
}

const SESSIONS = ['a', 'b', 'c']

class Twins {
  readonly benches: readonly RunBench[]
  readonly live = new Map<number, LiveRun>()
  readonly #random: (below: number) => number
  #seq = 0
  #dueMs = T0

  constructor(benches: readonly RunBench[], random: (below: number) => number) {
    this.benches = benches
    this.#random = random
  }

  async step(): Promise<void> {
    const kind = this.#random(10)
    const seqs = [...this.live.keys()]
    const some = seqs[this.#random(seqs.length)] ?? 0
    if (kind < 4) return this.#accept(1 + this.#random(3))
    if (kind < 7) return this.#end(some)
    if (kind < 8) return this.write({ kind: 'turn-set', seq: some, priority: 1 + this.#random(9) })
    if (kind < 9) {
      this.live.delete(some)
      return this.write({ kind: 'run-removed', seq: some })
    }
    this.#dueMs += 10
    for (const bench of this.benches) await bench.takeDue(this.#dueMs, 2)
  }

  async write(...writes: readonly RunWrite[]): Promise<void> {
    for (const bench of this.benches) await bench.write(...writes)
  }

  async #accept(count: number): Promise<void> {
    const runs = Array.from({ length: count }, () => {
      const isLate = this.#random(4) === 0
      const seq = ++this.#seq
      return makeRun(seq, {
        session: SESSIONS[this.#random(SESSIONS.length)] as string,
        priority: 1 + this.#random(9),
        ...(isLate ? { status: 'scheduled', dueMs: this.#dueMs + this.#random(40) } : {}),
      })
    })
    for (const run of runs) this.live.set(run.seq, run)
    await this.write(accepted(...runs))
  }

  async #end(seq: number): Promise<void> {
    const run = this.live.get(seq)
    if (!run) return
    this.live.delete(seq)
    const status = this.#random(3) === 0 ? 'failed' : 'completed'
    const worker = this.#random(3) === 0 ? null : `w${this.#random(3)}`
    const result = status === 'failed' ? null : { mediaType: '', bytes: new TextEncoder().encode(`${seq}`) }
    await this.write(ended(seq, { status, worker, result }, run.session ?? ''))
  }

  /** What both say is the same, and no session with runs that wait is without its head. */
  async check(): Promise<void> {
    const [memory, ...others] = await Promise.all(this.benches.map((bench) => this.#picture(bench)))
    for (const other of others) assert.deepEqual(other, memory)
    const lane = new Set(memory?.inLane)
    for (const { session, head } of memory?.turns ?? []) {
      const queued = memory?.queued.filter((run) => run.session === session) ?? []
      const free = queued.filter(({ seq }) => lane.has(seq))
      assert.ok(free.length <= 1, `two of "${session}" may go`)
      assert.equal(free[0]?.id ?? null, queued.length > 0 ? (head?.id ?? null) : null)
    }
  }

  async #picture(bench: RunBench) {
    const turns = await bench.askTurns(...SESSIONS)
    const runs = await bench.reads.list({}, 500, null)
    const queued = runs.flatMap(({ kind, run }) => (kind === 'live' && run.status === 'queued' ? [run] : []))
    const standing = await Promise.all(queued.map(({ id }) => bench.reads.turnOf(id)))
    const before = await Promise.all(
      SESSIONS.map(async (session) => parsed(await bench.reads.turns(session))),
    )
    const { runs: claimed } = await bench.claim(makeRun(0), 500)
    const lines = await Promise.all(SESSIONS.map((session) => bench.reads.lineOf(session)))
    const prefers = claimed.map(({ prefer }) => prefer)
    return { turns, runs, queued, standing, before, lines, prefers, inLane: claimed.map(({ seq }) => seq) }
  }
}

test('all stores say the same of the same life, and hold to the rule', async () => {
  for (let life = 0; life < 3; life++) {
    const places = Object.values(KINDS).map((make) => make())
    let twins = new Twins(
      await Promise.all(places.map((place) => RunBench.open(place))),
      randomFrom(SEED + life),
    )
    try {
      for (let step = 0; step < 60; step++) {
        await twins.step()
        if (step % 6 === 0) await twins.check()
      }
      await Promise.all(twins.benches.map((bench) => bench.close()))
      const again = await Promise.all(places.map((place) => RunBench.open(place)))
      twins = new Twins(again, randomFrom(SEED + life))
      await twins.check()
    } catch (error) {
      throw new Error(`seed ${SEED + life}`, { cause: error })
    } finally {
      await Promise.all(twins.benches.map((bench) => bench.close()))
    }
  }
})
