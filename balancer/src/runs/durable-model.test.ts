/**
 * Random lives of a balancer and its workers: runs are accepted, sent, begun, ended; links are cut, workers and the
 * balancer are killed between any two steps, the disk fails for a while. Whatever happens, every acknowledged run
 * ends once (C1), within its attempts (C3), by its newest attempt (C13), and nobody keeps anything behind; turns of a
 * session begin one after another (S1), and are told of those before them (S2).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../core/test-scheduler.ts'
import type { Execution } from './testing/model-worker.ts'
import { ModelWorld } from './testing/model-world.ts'

const SEEDS = 150
const STEPS = 120
const SESSIONS = ['a', 'b']
const FUNCTIONS = { work: {}, flaky: { maxRetries: 2 }, once: { idempotent: false } }

interface Faults {
  readonly crash: number
  readonly kill: number
  readonly cut: number
  readonly disk: number
  readonly fails: number
  readonly cancels: number
}

const NO_FAULTS: Faults = { crash: 0, kill: 0, cut: 0, disk: 0, fails: 0, cancels: 0 }

class Life {
  readonly world: ModelWorld
  readonly acknowledged = new Set<string>()
  readonly cancelled = new Set<string>()
  readonly #random: () => number
  readonly #faults: Faults

  constructor(seed: number, faults: Faults) {
    this.#random = seededRandom(seed)
    this.#faults = faults
    const windowSize = this.#chance(0.5) ? 1_000 : 1 + this.#below(4)
    const onBegin = (execution: Execution) => this.#checkTurn(execution)
    this.world = new ModelWorld({ functions: FUNCTIONS, random: this.#random, windowSize, onBegin })
    for (let i = 0, count = 1 + this.#below(3); i < count; i++)
      this.world.addWorker(`w${i}`, 1 + this.#below(3))
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #chance(share: number): boolean {
    return this.#random() < share
  }

  #pick<T>(all: readonly T[]): T {
    return all[this.#below(all.length)] as T
  }

  async play(): Promise<void> {
    await this.world.boot()
    for (let step = 0; step < STEPS; step++) await this.#step()
    this.world.disk.fault = undefined
    if (!this.world.isUp) await this.world.boot()
    await this.world.breathe()
    await this.world.advance(2_000)
    await this.world.settle()
  }

  async #step(): Promise<void> {
    const { world } = this
    if (!world.isUp) return world.boot()
    const worker = this.#pick([...world.workers.values()])
    const { crash, kill, cut, disk, fails, cancels } = this.#faults
    if (this.#chance(crash)) return world.crash(this.#chance(0.5))
    if (this.#chance(kill)) return world.kill(worker, this.#chance(0.5))
    if (this.#chance(cut)) return world.unlink(worker)
    if (this.#chance(disk)) world.disk.fault = world.disk.fault === undefined ? 'the disk is full' : undefined
    if (this.#chance(cancels)) return this.#cancel()
    if (this.#chance(0.02)) return this.#reprioritise()
    const kind = this.#below(10)
    if (kind < 2) this.#accept()
    else if (kind < 3) await world.link(worker)
    else if (kind < 5) worker.startNext()
    else if (kind < 6) {
      const [task] = worker.running
      if (task) worker.finish(task, this.#chance(fails) ? 'failed' : 'completed')
    } else if (kind < 9) world.read(worker)
    else await world.advance(this.#pick([1, 30, 1_000, 5_000]))
    if (this.#chance(0.5)) await world.breathe(1 + this.#below(3))
    if (world.isUp) world.push(worker)
  }

  #accept(): void {
    const { world } = this
    const name = this.#pick(Object.keys(FUNCTIONS))
    const priority = this.#pick([100, 100, 1])
    const dueMs = this.#chance(0.2) ? world.clock.wallMs() + this.#below(3_000) : null
    const session = this.#chance(0.4) ? this.#pick(SESSIONS) : null
    // A balancer that dies never answers.
    void world.runs
      .accept([world.order({ function: name, priority, dueMs, session })], undefined)
      .then((accepted) => {
        if (accepted.ok) for (const run of accepted.runs) this.acknowledged.add(run)
      })
  }

  /** Whoever was to go before has ended, on disk, and is told to the handler if it completed. */
  #checkTurn({ run, session, turns, fence }: Execution): void {
    if (session === undefined) return
    const { runs } = this.world.disk
    const own = runs.seqs.get(run) ?? -1
    const others = [...runs.live.values()].filter((other) => other.session === session && other.id !== run)
    const sooner = others.filter(
      (other) =>
        other.status === 'running' || (other.dueMs === null && other.status === 'queued' && other.seq < own),
    )
    // An attempt that nobody waits for may begin late at a worker that was cut off.
    if (runs.done.has(own) || (runs.live.get(own)?.fence ?? 0) > fence) return
    const isDelayed = runs.live.get(own)?.dueMs !== null
    assert.deepEqual(
      sooner.map(({ id, status }) => `${id} ${status}`).filter(() => !isDelayed),
      [],
      `S1: ${run} of "${session}" began before its turn`,
    )
    const completed = [...runs.turns.completed(session)].reverse()
    const outputs = completed.map((seq) =>
      JSON.parse(Buffer.from(runs.results.get(seq)?.bytes ?? []).toString()),
    )
    assert.deepEqual(
      turns.map(({ output }) => output),
      outputs,
      `S2: ${run} of "${session}" was told of other turns`,
    )
  }

  #reprioritise(): void {
    const run = this.#pick([...this.acknowledged])
    if (run !== undefined) void this.world.runs.reprioritise(run, this.#pick([1, 50, 200]))
  }

  #cancel(): void {
    const run = this.#pick([...this.acknowledged])
    if (run === undefined) return
    void this.world.runs.cancel(run)
    this.cancelled.add(run)
  }

  /** What must hold when everything has come to rest. */
  check(): void {
    const { world } = this
    assert.deepEqual(
      [...world.disk.runs.live.values()].map(({ id, status }) => `${id} ${status}`),
      [],
      'C1',
    )
    for (const run of this.acknowledged) this.#checkRun(run)
    const known = new Set([...world.disk.runs.done.values()].map(({ id }) => id))
    for (const { run } of world.executions) assert.ok(known.has(run), `C2: ${run} ran and is not there`)
    assert.ok(world.isQuiet, 'C6: a worker keeps something')
    const { waiting, running } = world.core.traffic()
    assert.deepEqual([waiting, running, world.runs.live], [0, 0, 0], 'C6')
  }

  #checkRun(run: string): void {
    const { world } = this
    const done = world.done(run)
    assert.ok(done, `C1: ${run} is lost`)
    const numbers = done.history.map(({ n }) => n)
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
      `C13: attempts of ${run}`,
    )
    const executions = world.executionsOf(run)
    const fences = executions.map(({ fence }) => fence)
    assert.equal(new Set(fences).size, fences.length, `C13: one fence began twice: ${run}`)
    if (done.status === 'completed') {
      const last = `${run} ${Math.max(...fences)}`
      assert.equal(world.result(run), last, `C13: ${run} was not completed by its newest attempt`)
    }
    // What is quick and may be repeated is written a little later than it is sent: when balancer and worker die at once,
    // one attempt may be known to nobody.
    const { crash, kill } = this.#faults
    const most = done.function === 'once' ? 1 : crash > 0 && kill > 0 ? 4 : 3
    assert.ok(executions.length <= most, `C3: ${run} of ${done.function} ran ${executions.length} times`)
    if (this.#faults.kill > 0 || this.#faults.cut > 0) return
    // Nobody but the balancer died: nothing runs twice without need.
    const needed = this.#faults.fails > 0 ? 3 : 1
    assert.ok(executions.length <= needed, `C3: ${run} ran ${executions.length} times`)
    if (this.#faults.fails === 0 && !this.cancelled.has(run)) assert.equal(done.status, 'completed')
  }
}

const WORLDS: Readonly<Record<string, Faults>> = {
  'nothing fails': NO_FAULTS,
  'the balancer is killed': { ...NO_FAULTS, crash: 0.06 },
  'the balancer is killed while handlers fail': { ...NO_FAULTS, crash: 0.05, fails: 0.4 },
  'the disk fails now and then': { ...NO_FAULTS, disk: 0.08 },
  'the disk fails and the balancer is killed': { ...NO_FAULTS, crash: 0.04, disk: 0.06, cancels: 0.03 },
  'links are cut, workers are killed': { ...NO_FAULTS, kill: 0.03, cut: 0.05, fails: 0.2 },
  'everybody is killed': { crash: 0.04, kill: 0.03, cut: 0.04, disk: 0.02, fails: 0.2, cancels: 0.03 },
}

for (const [name, faults] of Object.entries(WORLDS))
  test(`${name}: ${SEEDS} lives`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const life = new Life(seed, faults)
      try {
        await life.play()
        life.check()
      } catch (error) {
        throw new Error(`seed ${seed} of "${name}"`, { cause: error })
      }
    }
  })
