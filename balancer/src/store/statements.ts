/**
 * Prepared statements of one connection, each prepared once. Texts are constants of the code, so their number is
 * bounded. Invariant: whatever writes goes through `run`. The search index leaves row numbers behind that are no
 * safe integers, and the plain `run` of a statement throws on the last one whatever it has written itself.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

export class Statements {
  readonly #database: DatabaseSync
  readonly #reading = new Map<string, StatementSync>()
  readonly #writing = new Map<string, StatementSync>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** To read by. */
  of(sql: string): StatementSync {
    let statement = this.#reading.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#reading.set(sql, statement)
    }
    return statement
  }

  /** Writes; how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    let statement = this.#writing.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      statement.setReadBigInts(true)
      this.#writing.set(sql, statement)
    }
    return Number(statement.run(...values).changes)
  }
}
