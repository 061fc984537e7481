/**
 * When the page is drawn for the first time: its code is given a moment, so that what stands for it does not flash,
 * and no longer, so that the shell stands while slow code is on its way. Called by `main.tsx`.
 * Invariant: whatever becomes of the page's code, the answer of the session comes through.
 */

/** React keeps what stands for a page for as long, too. */
const CODE_WAIT_MS = 300

/** `begun`, as soon as it can be drawn; `code` fetches the page, whose failure is said where it is drawn. */
export function awaitDrawable<Answer extends { readonly isSignedIn: boolean }>(
  begun: Promise<Answer>,
  code: Promise<unknown> | undefined,
): Promise<Answer> {
  // Before `begun` is awaited: a failure that comes meanwhile must have somebody who expects it.
  const settled = Promise.resolve(code).catch(() => undefined)
  return begun.then(async (answer) => {
    if (answer.isSignedIn) await awaitAtMost(settled, CODE_WAIT_MS)
    return answer
  })
}

async function awaitAtMost(settled: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs)
  })
  await Promise.race([settled, limit])
  clearTimeout(timer)
}
