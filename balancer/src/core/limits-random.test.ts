/**
 * Limits that come and go under load, in a thousand random steps a seed: what is counted is what runs, no
 * start goes over a limit, and when all limits are lifted everything comes to its end.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Limits, LimitTarget } from '../ports/operator.ts'
import { seededRandom, TestScheduler } from './test-scheduler.ts'

const facts = { slots: 1, idempotent: true, maxRetries: 0 }
const functions = new Map(['f', 'g'].map((name) => [name, facts]))
const group = 'default'
const TARGETS: readonly LimitTarget[] = [
  { group },
  { group, function: 'f' },
  { group, fairnessKey: 'k' },
  { group, function: 'g', fairnessKey: 'k' },
]
const STEPS = 1_000

interface Attempt {
  readonly run: string
  readonly function: string
  readonly fairnessKey: string
  readonly worker: string
}

class Chaos {
  readonly #random: () => number
  readonly #bench: TestScheduler
  /** Attempts that are out, as the commands of the core say. */
  readonly #out = new Map<number, Attempt>()
  readonly #asked = new Map<string, { function: string; fairnessKey: string }>()
  readonly #limits = new Map<LimitTarget, number>()
  #seen = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#bench = new TestScheduler({ random: this.#random })
    this.#bench.worker('a', { slots: 4, functions })
    this.#bench.teach('a', 5, 20, { function: 'f' })
    this.#bench.worker('b', { slots: 4, functions })
    this.#seen = this.#bench.sent.length
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.#step()
      this.#look()
    }
    for (const target of TARGETS) this.#limit(target, {})
    this.#look()
    for (let left = 10 * STEPS; this.#isAnyOpen(); left--) {
      assert.ok(left > 0, 'somebody is left behind')
      this.#finishOne()
      this.#look()
    }
  }

  #isAnyOpen(): boolean {
    return this.#asked.keys().some((run) => this.#bench.end(run) === undefined)
  }

  #step(): void {
    const dice = this.#random()
    if (dice < 0.45) this.#submit()
    else if (dice < 0.8) this.#finishOne()
    else if (dice < 0.85) this.#bench.advance(this.#random() * 100)
    else if (dice < 0.97) this.#changeLimits()
    else this.#loseWorker()
  }

  #submit(): void {
    const asked = { function: this.#pick(['f', 'g']), fairnessKey: this.#pick(['k', 'l']) }
    const priority = 1 + Math.floor(this.#random() * 3)
    this.#asked.set(this.#bench.submit({ ...asked, priority, isDurable: false, attempts: 1_000 }), asked)
  }

  #finishOne(): void {
    const [id, attempt] = [...this.#out][Math.floor(this.#random() * this.#out.size)] ?? []
    if (id === undefined || attempt === undefined) {
      // Nothing is out: only time can bring something on.
      this.#bench.advance(1_000)
      return
    }
    this.#out.delete(id)
    const { core, now } = this.#bench
    if (this.#random() < 0.2) core.returned(attempt.worker, id, 'busy', now)
    else
      core.finished(
        attempt.worker,
        id,
        { outcome: 'completed', runMs: 5, mediaType: '', result: new Uint8Array() },
        now,
      )
  }

  #changeLimits(): void {
    const concurrency = 1 + Math.floor(this.#random() * 5)
    const rate = this.#random() < 0.3 ? { limit: 3, perMs: 50 } : undefined
    this.#limit(this.#pick(TARGETS), this.#random() < 0.2 ? {} : { concurrency, rate })
  }

  #limit(target: LimitTarget, limits: Limits): void {
    if (limits.concurrency === undefined) this.#limits.delete(target)
    else this.#limits.set(target, limits.concurrency)
    this.#bench.core.setLimits(target, limits, this.#bench.now)
  }

  /** Its process is gone, and another one takes its place. */
  #loseWorker(): void {
    const worker = this.#pick(['a', 'b'])
    for (const [id, attempt] of this.#out) if (attempt.worker === worker) this.#out.delete(id)
    this.#bench.core.workerGone(worker, this.#bench.now)
    this.#bench.advance(0)
    this.#bench.core.relinked(worker, [], this.#bench.now)
  }

  /** Takes the new commands in their order, then compares the counts. */
  #look(): void {
    this.#bench.advance(0)
    for (const { run, attemptId, worker } of this.#bench.sent.slice(this.#seen)) {
      const asked = this.#asked.get(run)
      assert.ok(asked)
      this.#out.set(attemptId, { run, worker, ...asked })
      for (const [target, limit] of this.#limits)
        if (isMeant(target, asked)) assert.ok(this.#count(target) <= limit, `${run} goes over ${limit}`)
    }
    this.#seen = this.#bench.sent.length
    for (const [target, limit] of this.#limits) {
      const { concurrency } = this.#bench.core.limits(target, this.#bench.now)
      assert.deepEqual(concurrency, { used: this.#count(target), limit })
    }
  }

  #count(target: LimitTarget): number {
    return [...this.#out.values()].filter((attempt) => isMeant(target, attempt)).length
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item
  }
}

function isMeant(target: LimitTarget, asked: { function: string; fairnessKey: string }): boolean {
  const { function: name = asked.function, fairnessKey = asked.fairnessKey } = target
  return name === asked.function && fairnessKey === asked.fairnessKey
}

for (let seed = 1; seed <= 20; seed++)
  test(`limits that come and go, seed ${seed}`, () => {
    new Chaos(seed).run()
  })
