/**
 * Free loopback ports for processes that have to be told their port before they start.
 * They lie below those that the system gives to connections and to servers without a port: one of these may be taken
 * by any connection of any test between the look at it and the start of the process, or while that is restarted.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Behind 10080, the last one that `fetch` refuses. */
const FIRST_PORT = 10_100
/** Linux begins to give away ports here, other systems later. */
const END_PORT = 32_768

const given = new Set<number>()

/** Never the same one twice in a process. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, END_PORT)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const bound = Promise.race([
    once(server, 'listening').then(() => true),
    new Promise<false>((resolve) => server.once('error', () => resolve(false))),
  ]).catch(() => false)
  server.listen(port, '127.0.0.1')
  if (!(await bound)) return false
  server.close()
  await once(server, 'close')
  return true
}
