/**
 * The last thing a server does: it lets its process end by itself, and makes it end when something keeps it alive.
 * Called by a main function when all is stopped. `process.exit` is the second choice only: Node 26 joins V8's threads
 * in it while one of them may wait for a collection by the thread that joins, and hangs (nodejs/node#54918); an end by
 * itself disposes of the heap first, which wakes them.
 */
const KEPT_ALIVE_MS = 1_000

/** Ends with `code`, at the latest after `keptAliveMs` (default 1 s) in which something is still open. */
export function endProcess(code: number, keptAliveMs = KEPT_ALIVE_MS): void {
  process.exitCode = code
  setTimeout(() => process.exit(code), keptAliveMs).unref()
}
