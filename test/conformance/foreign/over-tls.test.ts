/** A worker of another make behind https and wss, with a certificate of an authority of one's own. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { KEYS, postTask, startBalancer, waitForWorkers } from '../../harness/berth.ts'
import { makeFolder } from '../../harness/scope.ts'
import { until } from '../../harness/until.ts'
import { ForeignWorker } from './foreign-worker.ts'

const LIMIT_MS = 20_000
const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'needs openssl to make certificates'

/** `cert` is signed by itself, for this host. */
async function makeCertificate(t: TestContext) {
  const folder = await makeFolder(t, 'tls')
  const [key, cert] = [join(folder, 'own.key'), join(folder, 'own.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', '/CN=other', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '30']
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, ...subject], {
    stdio: 'ignore',
  })
  return { cert, tls: { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') } }
}

async function begin(t: TestContext, trusts: boolean) {
  const { cert, tls } = await makeCertificate(t)
  const worker = await new ForeignWorker({ lbKey: KEYS.fleet, key: KEYS.worker, tls }).start()
  t.after(() => worker.stop())
  const balancer = await startBalancer(t, {
    workers: [{ url: worker.url, name: 'other' }],
    env: {
      WORKER_DISCOVERY_INTERVAL: '200ms',
      WS_HEARTBEAT_INTERVAL: '300ms',
      ...(trusts ? { NODE_EXTRA_CA_CERTS: cert } : {}),
    },
  })
  return { worker, balancer }
}

test('its health, its slot feed, tasks, streams and orders go over TLS', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { worker, balancer } = await begin(t, true)
  await waitForWorkers(balancer, 1)
  await until(() => worker.feeds === 1 && worker.pings.length > 1, LIMIT_MS, 'its feed is followed')
  const answer = await postTask(balancer, { function: 'work', group: 'foreign', input: { n: 1 } })
  assert.equal((answer.body as { result: { n: number } }).result?.n, 1, answer.text)
  const stream = await postTask(balancer, {
    function: 'chat',
    group: 'foreign',
    mode: 'stream',
    input: { pieces: 3 },
  })
  assert.equal(stream.text, '1;2;3;')
  const offAnswer = await balancer.request('/workers/other/off', { method: 'POST' })
  assert.ok(offAnswer.status < 300, offAnswer.text)
  await until(() => worker.isOff, LIMIT_MS, 'it is told to go off')
  assert.match((await balancer.request('/workers/other/logs')).text, /two/)
})

test('signed by nobody who is trusted: the reason is told, and nothing is sent', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { worker, balancer } = await begin(t, false)
  const reasonOf = async () =>
    ((await balancer.request('/workers/other')).body as { reason: string | null }).reason ?? ''
  const isNamed = async () => {
    const reason = await reasonOf()
    return /certificate/.test(reason) && /SELF_SIGNED/.test(reason)
  }
  await until(isNamed, LIMIT_MS, 'the certificate is named, and what is wrong with it')
  assert.ok((await postTask(balancer, { function: 'work', group: 'foreign' })).status >= 400)
  assert.deepEqual([worker.heard.length, worker.feeds], [0, 0])
})
