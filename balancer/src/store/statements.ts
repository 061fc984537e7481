/** Prepared statements of one connection, each prepared once. Texts are constants of the code, so their number is bounded. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'

export class Statements {
  readonly database: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(database: DatabaseSync) {
    this.database = database
  }

  of(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.database.prepare(sql)
      this.#prepared.set(sql, statement)
    }
    return statement
  }
}
