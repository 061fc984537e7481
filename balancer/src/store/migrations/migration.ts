/** One step of the schema. Steps are never changed once released; a later one alters what is there. */
export interface Migration {
  /** From 1, without gaps; the order of application. */
  readonly id: number
  readonly name: string
  readonly sql: string
}
