/**
 * What a test started ends with it, the last thing first, whether it passed or not.
 * A `TestContext` is a scope; a suite makes one with `createScope` and ends it in its `after` hook.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Scope = { after(end: () => void | Promise<void>): void }

/** What runs the endings of a scope, for one that does not do so in their reverse order by itself. */
const reversed = new WeakMap<Scope, Scope>()

/**
 * The same scope, with the last thing ended first and all of them, also when one fails. A `TestContext` ends the
 * first thing first and stops at the first that fails: a folder would be emptied under a process that writes there.
 */
export function inReverse(scope: Scope): Scope {
  const known = reversed.get(scope)
  if (known) return known
  const own = createScope()
  scope.after(() => own.end())
  reversed.set(scope, own)
  return own
}

/** `end` runs every ending, also when one fails, and then throws what failed. */
export function createScope(): Scope & { end(): Promise<void> } {
  const endings: (() => void | Promise<void>)[] = []
  const scope = {
    after: (end: () => void | Promise<void>) => void endings.push(end),
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
  reversed.set(scope, scope)
  return scope
}

/** An empty folder that is gone after the test. */
export async function makeFolder(scope: Scope, name = 'test'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `berth-${name}-`))
  inReverse(scope).after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
