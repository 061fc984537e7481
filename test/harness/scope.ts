/**
 * What a test started ends with it, the last thing first, whether it passed or not.
 * A `TestContext` is a scope; a suite makes one with `createScope` and ends it in its `after` hook.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Scope = { after(end: () => void | Promise<void>): void }

/** `end` runs every ending, also when one fails, and then throws what failed. */
export function createScope(): Scope & { end(): Promise<void> } {
  const endings: (() => void | Promise<void>)[] = []
  return {
    after: (end) => void endings.push(end),
    async end() {
      const errors: unknown[] = []
      for (let ending = endings.pop(); ending; ending = endings.pop()) {
        try {
          await ending()
        } catch (error) {
          errors.push(error)
        }
      }
      if (errors.length > 0) throw new AggregateError(errors, `${errors.length} endings of a test failed`)
    },
  }
}

/** An empty folder that is gone after the test. */
export async function makeFolder(scope: Scope, name = 'test'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `berth-${name}-`))
  scope.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
