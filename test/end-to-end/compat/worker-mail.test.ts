/** Mail to a worker, by a real SMTP client: a turn with text and attachments, and every refusal in the dialogue. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createTransport, type SentMessageInfo } from 'nodemailer'
import {
  type Balancer,
  EXAMPLE_FLEET,
  KEYS,
  startBalancer,
  startWorker,
  waitForWorkers,
} from '../../harness/berth.ts'
import { createScope } from '../../harness/scope.ts'
import { until } from '../../harness/until.ts'
import { LIMIT_MS, waitForLine } from '../fleet.ts'

const scope = createScope()
let balancer: Balancer
let port: number
before(async () => {
  const worker = await startWorker(scope, { folder: EXAMPLE_FLEET })
  balancer = await startBalancer(scope, {
    workers: [{ url: worker.url }],
    env: { DISK_RESERVE: '0', EMAIL_DOMAIN: 'Berth.Example', EMAIL_PORT: '0', FILE_LIMIT: '1mb' },
  })
  await waitForWorkers(balancer, 1)
  const at = await waitForLine(balancer, /^mail is taken$/)
  port = Number(balancer.logLines()[at]?.port)
  assert.ok(port > 0)
})
after(() => scope.end())

interface Worker {
  id: string
  status: string
  messages: { role: string; content: string }[]
}

async function api(path: string, init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${KEYS.caller}`, 'content-type': 'application/json' }
  const answer = await fetch(`${balancer.url}/api/workers${path}`, { headers, ...init })
  return { status: answer.status, body: (await answer.json()) as never }
}

async function create(): Promise<{ id: string; address: string }> {
  const { body } = await api('', { method: 'POST', body: JSON.stringify({ input: 'hello' }) })
  const { id } = body as Worker
  const { body: address } = await api(`/${id}/email`)
  return { id, address }
}

async function asked(id: string): Promise<string[]> {
  await until(
    async () => ((await api(`/${id}`)).body as Worker).status === 'completed',
    LIMIT_MS,
    'it has ended',
  )
  const { messages } = (await api(`/${id}`)).body as Worker
  return messages.filter(({ role }) => role === 'user').map(({ content }) => content)
}

function send(mail: object): Promise<SentMessageInfo> {
  const transport = createTransport({ host: '127.0.0.1', port, secure: false, ignoreTLS: true })
  return transport.sendMail({ from: 'ada@example.org', ...mail })
}

const refusalOf = (mail: object) =>
  send(mail).then(
    () => assert.fail('it was taken'),
    (error: { responseCode?: number }) => error.responseCode,
  )

test('a worker has an address, as a JSON string', async () => {
  const { id, address } = await create()
  assert.match(address, new RegExp(`^w-${id}\\.[0-9a-z]{26}@berth\\.example$`))
  assert.equal((await api('/w_nothing/email')).status, 404)
})

test('a mail is the next turn: its text, what it quotes too; the subject says nothing', async () => {
  const { id, address } = await create()
  const text = 'Thanks!\n\n> Turn 1: you said "hello"'
  const { response } = await send({ to: address, subject: 'Re: ignored', text })
  assert.match(response ?? '', /^250 2\.0\.0 Taken as r_/)
  assert.deepEqual(await asked(id), ['hello', text])
  const { body } = await balancer.request(`/runs?session=${id}`)
  const [run] = (body as { items: { trigger: string; mode: string }[] }).items
  assert.equal(run?.trigger, 'email')
})

test('attachments come along, HTML alone is read as text, and case does not matter', async () => {
  const { id, address } = await create()
  await send({
    to: address.toUpperCase().replace('@BERTH', '@berth'),
    html: '<p>Read <b>this</b></p>',
    attachments: [
      { filename: '../../notes.txt', content: 'one two' },
      { filename: 'notes.txt', content: 'three' },
    ],
  })
  assert.equal((await asked(id))[1], 'Read this')
  const { body } = await balancer.request(`/runs?session=${id}`)
  const [run] = (body as { items: { files: { path: string; size: number }[] }[] }).items
  assert.deepEqual(
    run?.files.map(({ path, size }) => [path, size]),
    [
      ['2-notes.txt', 5],
      ['notes.txt', 7],
    ],
  )
})

test('a mail that is delivered twice is one turn; an equal one that is another is not', async () => {
  const { id, address } = await create()
  const mail = { to: address, text: 'once', messageId: '<1@example.org>' }
  const first = await send(mail)
  const second = await send(mail)
  assert.equal(first.response, second.response)
  await send({ ...mail, messageId: '<2@example.org>' })
  assert.deepEqual(await asked(id), ['hello', 'once', 'once'])
})

test('unknown address, wrong mac, too large: refused in the dialogue, and nothing begins', async () => {
  const { id, address } = await create()
  const [local = ''] = address.split('@')
  const wrongMac = `${local.slice(0, -4)}0000@berth.example`
  for (const to of ['nobody@berth.example', wrongMac, `${local}@elsewhere.example`])
    assert.equal(await refusalOf({ to, text: 'x' }), 550, to)
  const attachments = [{ filename: 'big.bin', content: Buffer.alloc(1024 * 1024 + 1, 7) }]
  assert.equal(await refusalOf({ to: address, text: 'x', attachments }), 552)
  const huge = [{ filename: 'huge.bin', content: Buffer.alloc(26 * 1024 * 1024) }]
  assert.equal(await refusalOf({ to: address, text: 'x', attachments: huge }), 552)
  assert.deepEqual(await asked(id), ['hello'])
})

test('a mail port that is taken is said in a line, with its variable', async () => {
  const env = { EMAIL_DOMAIN: 'berth.example', EMAIL_PORT: String(port) }
  await assert.rejects(startBalancer(scope, { env }), /port \d+ on 127\.0\.0\.1 is in use.*EMAIL_PORT/)
})

test('the address is good after a restart', async () => {
  const { id, address } = await create()
  await asked(id)
  await balancer.kill9()
  balancer = await startBalancer(scope, {
    env: { PORT: String(balancer.port), DATA_DIR: balancer.dataDir, EMAIL_DOMAIN: 'berth.example' },
  })
  assert.equal((await api(`/${id}/email`)).body, address)
})
