import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { awaitDrawable } from './first-drawing.ts'

const SIGNED_IN = { isSignedIn: true }
const never = new Promise<never>(() => undefined)

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** What `awaitDrawable` has come to so far. */
function watch<Answer>(drawable: Promise<Answer>): { answer: Answer | null } {
  const seen: { answer: Answer | null } = { answer: null }
  void drawable.then((answer) => {
    seen.answer = answer
  })
  return seen
}

test('the code of a page is awaited, but no longer than 300 ms', async () => {
  const seen = watch(awaitDrawable(Promise.resolve(SIGNED_IN), never))
  await vi.advanceTimersByTimeAsync(299)
  expect(seen.answer).toBeNull()
  await vi.advanceTimersByTimeAsync(1)
  expect(seen.answer).toBe(SIGNED_IN)
})

test('code that is here is drawn at once, and no timer stays', async () => {
  const seen = watch(awaitDrawable(Promise.resolve(SIGNED_IN), Promise.resolve()))
  await vi.advanceTimersByTimeAsync(0)
  expect(seen.answer).toBe(SIGNED_IN)
  expect(vi.getTimerCount()).toBe(0)
})

test('code that does not come, or no page at all, keeps nothing from being drawn', async () => {
  const failed = watch(awaitDrawable(Promise.resolve(SIGNED_IN), Promise.reject(new Error('no chunk'))))
  const nowhere = watch(awaitDrawable(Promise.resolve(SIGNED_IN), undefined))
  await vi.advanceTimersByTimeAsync(0)
  expect([failed.answer, nowhere.answer]).toEqual([SIGNED_IN, SIGNED_IN])
})

test('the sign-in page waits for no other page', async () => {
  const answer = { isSignedIn: false }
  const seen = watch(awaitDrawable(Promise.resolve(answer), never))
  await vi.advanceTimersByTimeAsync(0)
  expect(seen.answer).toBe(answer)
})
