/**
 * Free loopback ports for processes that have to be told their port before they start.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

const given = new Set<number>()

/** Never the same one twice in a process; free a moment ago, so that a collision is possible but rare. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    if (!given.has(port)) {
      given.add(port)
      return port
    }
  }
}
