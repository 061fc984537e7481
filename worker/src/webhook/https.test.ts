/** Webhooks over TLS, from a real worker process to a receiver whose certificate it trusts, and to one it does not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startWorkerProcess } from '../faults/worker-process.ts'
import { makeSelfSigned } from '../fixtures/self-signed.ts'
import { makeFolder } from '../fixtures/test-folder.ts'

const GREET = `import { defineFunction } from '@berth/worker'
export default defineFunction({ params: {}, handler: () => 'by TLS' })`
const LIMIT = { timeout: 60_000 }

async function startReceiver(context: TestContext, own: ReturnType<typeof makeSelfSigned>) {
  const bodies: string[] = []
  const arrived = Promise.withResolvers<void>()
  const server = createServer(own, async (request, response) => {
    bodies.push(Buffer.concat(await Array.fromAsync(request)).toString())
    response.end()
    arrived.resolve()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  return { url, bodies, arrived: arrived.promise }
}

test(
  'a webhook goes by TLS to a receiver whose certificate is trusted, and to no other',
  LIMIT,
  async (context) => {
    using folder = makeFolder({ 'functions/greet.ts': GREET })
    const known = makeSelfSigned()
    const [trusted, other] = [
      await startReceiver(context, known),
      await startReceiver(context, makeSelfSigned()),
    ]
    const authority = join(folder.path, 'authority.pem')
    writeFileSync(authority, known.cert)
    await using worker = await startWorkerProcess(folder.path, {
      NODE_EXTRA_CA_CERTS: authority,
      WEBHOOK_ALLOW: '127.0.0.1',
      WEBHOOK_MAX_RETRIES: '0',
    })
    const hook = (url: string) => worker.task({ function: 'greet', mode: 'webhook', webhook: { url } })
    assert.equal((await hook(other.url)).status, 202)
    assert.match(await worker.line('webhook'), /self-signed|certificate/i)
    assert.equal((await hook(trusted.url)).status, 202)
    await trusted.arrived
    assert.deepEqual(trusted.bodies, ['"by TLS"'])
    assert.deepEqual(other.bodies, [])
  },
)
