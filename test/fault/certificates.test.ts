/**
 * B19: a worker whose certificate is for another host, signed by nobody, or of the past. It is refused with the
 * reason, nothing of a key or a task is sent to it, and nobody falls back to plain HTTP.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'
import { postTask, startBalancer } from '../harness/berth.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'needs openssl to make certificates'

type Listed = { id: string; status: string; reason: string | null }

/** A TLS server that keeps what it is told; `heard` grows with every byte after a handshake. */
async function listen(t: TestContext, folder: string, name: string, host: string, days = '30') {
  const key = join(folder, `${name}.key`)
  const cert = join(folder, `${name}.pem`)
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${host}`, '-days', '30']
  const args = ['req', '-x509', ...curve, '-keyout', key, '-out', cert, ...subject]
  execFileSync('openssl', args, { stdio: 'ignore' })
  // Signed once more: only so may the days be less than one.
  const again = ['x509', '-in', cert, '-signkey', key, '-days', days, '-out', cert]
  execFileSync('openssl', again, { stdio: 'ignore' })
  const heard = { bytes: 0, dials: 0 }
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) })
  server.on('connection', () => {
    heard.dials++
  })
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      heard.bytes += bytes.length
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return { name, cert, heard, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('B19: a certificate that is not right is a reason, and nothing is sent', {
  skip,
  timeout: 180_000,
}, async (t) => {
  const folder = await makeFolder(t, 'certificates')
  const workers = await Promise.all([
    listen(t, folder, 'other-host', 'DNS:elsewhere.test'),
    listen(t, folder, 'self-signed', 'IP:127.0.0.1'),
    listen(t, folder, 'expired', 'IP:127.0.0.1', '-1'),
  ])
  // The first and the last are signed by somebody who is trusted.
  const trusted = join(folder, 'trusted.pem')
  writeFileSync(trusted, [workers[0], workers[2]].map(({ cert }) => readFileSync(cert, 'utf8')).join(''))
  const balancer = await startBalancer(t, {
    workers: workers.map(({ name, url }) => ({ name, url })),
    env: { NODE_EXTRA_CA_CERTS: trusted, WORKER_DISCOVERY_INTERVAL: '100ms' },
  })
  await until(() => workers.every(({ heard }) => heard.dials >= 3), 60_000, 'three dials each')
  let items: Listed[] = []
  await until(
    async () => {
      items = ((await balancer.request('/workers')).body as { items: Listed[] }).items
      return items.every(({ status, reason }) => status === 'unreachable' && reason !== null)
    },
    60_000,
    'each has a reason',
  )
  const reasons = Object.fromEntries(items.map(({ id, status, reason }) => [id, `${status}: ${reason}`]))
  assert.match(reasons['other-host'] ?? '', /^unreachable: .*certificate.*ERR_TLS_CERT_ALTNAME_INVALID/)
  assert.match(reasons['self-signed'] ?? '', /^unreachable: .*certificate.*SELF_SIGNED/)
  assert.match(reasons.expired ?? '', /^unreachable: .*certificate.*CERT_HAS_EXPIRED/)
  assert.ok((await postTask(balancer, { function: 'probe' })).status >= 400)
  assert.deepEqual(
    workers.map(({ heard }) => heard.bytes),
    [0, 0, 0],
  )
})
