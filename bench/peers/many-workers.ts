/**
 * Thousands of workers in one process, each on a path of its own: every link is real, what stands behind it only
 * says hello, pushes its state once a second and answers each task at once. Started by the scenario `fleet`, which
 * may have every interface say `DESCRIPTION` characters more; says its address on stdout.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  canonicalJson,
  type FunctionInterface,
  LinkWriter,
  PROTOCOL,
  RECORD,
  readFrame,
} from '@berth/protocol'
import { type WebSocket, WebSocketServer } from 'ws'

const SLOTS = 10
const PUSH_MS = 1_000
const RESULT = Buffer.from('{"message":"Hello Ada!"}')
const DESCRIPTION = 'd'.repeat(Number(process.env.DESCRIPTION ?? 0))
const NAMES = ['hello', 'resize', 'transcribe', 'translate', 'word-count']

const functions: FunctionInterface[] = NAMES.map((name) => ({
  name,
  ...(DESCRIPTION === '' ? {} : { description: DESCRIPTION }),
  input: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
  supportsStreaming: false,
  idempotent: true,
  slots: 1,
  timeoutMs: null,
  maxRetries: 0,
  background: false,
}))
const interfaceHash = createHash('sha256').update(canonicalJson(functions)).digest('hex')
const slots = { limit: SLOTS, used: 0, linked: 0, stuck: 0, queued: 0, queueLimit: 1_000 }
const system = { cpuLoad: 0.1, memoryUsed: 0.2, eventLoopDelayMs: 1, uptimeS: 5 }
const upgrades = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  handleProtocols: () => PROTOCOL,
})

const server = createServer()
server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => socket.destroy())
  const name = (request.url ?? '').split('/')[1] ?? ''
  upgrades.handleUpgrade(request, socket, head, (opened) => serve(opened, name))
})
server.listen({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1', backlog: 4_096 }, () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ text: 'fleet ready', url: `http://127.0.0.1:${port}` })}\n`)
})

function serve(socket: WebSocket, name: string): void {
  let seq = 1
  const say = (message: object) => socket.send(JSON.stringify({ at: performance.now(), ...message }))
  const about = { status: 'ready', slots }
  say({
    type: 'hello',
    seq,
    ...about,
    protocol: 1,
    name,
    bootId: `boot-of-${name}`,
    version: '0.1.0',
    group: 'default',
    contract: 1,
    interface: interfaceHash,
    tags: { zone: `z${name.length}` },
    services: [],
    system,
    started: [],
  })
  const pushing = setInterval(() => say({ type: 'state', seq: ++seq, ...about }), PUSH_MS)
  const writer = new LinkWriter(() => ({ at: performance.now() }))
  socket.on('error', () => {})
  socket.on('close', () => clearInterval(pushing))
  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary) return hear(JSON.parse(String(data)), say)
    readFrame(data, (type, _flags, task) => {
      if (type === RECORD.TASK) answer(writer, task)
    })
    for (let frame = writer.take(); frame; frame = writer.take()) socket.send(frame)
  })
}

function hear(message: { type: string; id?: number; hash?: string }, say: (message: object) => void): void {
  if (message.type === 'ping') say({ type: 'pong', id: message.id })
  if (message.type === 'interface') say({ type: 'interface', hash: message.hash, functions })
}

function answer(writer: LinkWriter, task: number): void {
  writer.control(RECORD.STARTED, task)
  writer.outcome(task, { outcome: 'completed', runMs: 0.1, mediaType: '' }, RESULT)
}
