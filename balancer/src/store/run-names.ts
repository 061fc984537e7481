/**
 * Numbers for the names that rows of runs share: functions, workers, and lines of runs with equal needs. Used by
 * the store's writer. Invariant: what was numbered in a transaction that did not come to be is forgotten.
 */
import { createHash } from 'node:crypto'
import { shownId } from '../ports/worker-key.ts'
import type { Statements } from './statements.ts'

/** Lines that are remembered; more of them are numbered anew, which gives the same numbers. */
const MAX_LANES = 10_000

export class RunNames {
  readonly #statements: Statements
  readonly #functions = new Map<string, number>()
  readonly #workers = new Map<string, number>()
  readonly #lanes = new Map<string, number>()

  constructor(statements: Statements) {
    this.#statements = statements
  }

  function(group: string, name: string): number {
    const key = `${group}\n${name}`
    const known = this.#functions.get(key)
    if (known !== undefined) return known
    this.#run('INSERT INTO functions (worker_group, name) VALUES (?, ?) ON CONFLICT DO NOTHING', group, name)
    const id = this.#id('SELECT id FROM functions WHERE worker_group = ? AND name = ?', group, name)
    this.#functions.set(key, id)
    return id
  }

  worker(key: string | null): number | null {
    if (key === null) return null
    const known = this.#workers.get(key)
    if (known !== undefined) return known
    const shown = shownId(key)
    this.#run('INSERT INTO run_workers (key, shown) VALUES (?, ?) ON CONFLICT DO NOTHING', key, shown)
    const id = this.#id('SELECT id FROM run_workers WHERE key = ?', key)
    this.#workers.set(key, id)
    return id
  }

  /** 48 bits of a hash: two lines that shared a number would only be claimed together. */
  lane(key: string): number {
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const number = createHash('sha256').update(key).digest().readUIntBE(0, 6)
    if (this.#lanes.size >= MAX_LANES) this.#lanes.clear()
    this.#lanes.set(key, number)
    return number
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#functions.clear()
    this.#workers.clear()
  }

  #run(sql: string, ...values: string[]): void {
    this.#statements.run(sql, ...values)
  }

  #id(sql: string, ...values: string[]): number {
    return Number(this.#statements.of(sql).get(...values)?.id)
  }
}
