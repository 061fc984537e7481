/**
 * Waits for a condition by asking every 5 ms, within a bound: the only wait that end-to-end tests use.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'

const STEP_MS = 5

/**
 * Answers the condition's first truthy value. A condition that throws is not true yet (a server that is not
 * up refuses); the last answer or error is part of the message when the bound is reached.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  boundMs: number,
  what = condition.toString(),
  /** Longer where asking costs more than what is waited for hurries. */
  stepMs = STEP_MS,
): Promise<NonNullable<T>> {
  const endAt = performance.now() + boundMs
  for (;;) {
    const last = await ask(condition)
    if ('value' in last && last.value) return last.value as NonNullable<T>
    if (performance.now() >= endAt) {
      const seen =
        'error' in last ? `it threw ${inspect(last.error)}` : `it was ${inspect(last.value, { depth: 6 })}`
      throw new Error(`not within ${boundMs} ms: ${what}; the last time ${seen}`)
    }
    await pause(stepMs)
  }
}

async function ask<T>(condition: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await condition() }
  } catch (error) {
    return { error }
  }
}
