/** One valid message of every type, for the golden tests and for tests of both ends. */
import type { FromBalancer } from '../messages/balancer.ts'
import type { FromWorker } from '../messages/worker.ts'

const SLOTS = { limit: 8, used: 2, linked: 1, stuck: 0, queued: 3, queueLimit: 1000 }
const SYSTEM = { cpuLoad: 0.25, memoryUsed: 0.5, eventLoopDelayMs: 1.5, uptimeS: 60 }
const HASH = 'a3f1'.repeat(16)

export const WORKER_MESSAGES: Record<string, FromWorker> = {
  hello: {
    type: 'hello',
    at: 1.5,
    seq: 1,
    status: 'ready',
    slots: SLOTS,
    protocol: 1,
    name: 'w1',
    bootId: 'b7c3f8e2',
    version: '0.1.0',
    group: 'default',
    contract: 1,
    interface: HASH,
    tags: { region: ['eu', 'us'], vram: 24, spot: false, gpu: 'l4' },
    services: [{ name: 'browser', state: 'down', reason: 'it ended' }],
    system: SYSTEM,
    started: [{ run: 'r_01', fence: 2 ** 32 + 1, durable: false, finished: false }],
  },
  state: { type: 'state', at: 2, seq: 2, status: 'maintenance', reason: 'update', slots: SLOTS },
  interface: {
    type: 'interface',
    at: 3,
    hash: HASH,
    functions: [
      {
        name: 'hello',
        input: { type: 'object' },
        supportsStreaming: true,
        idempotent: null,
        slots: 1,
        timeoutMs: 5000,
        maxRetries: 0,
        backoff: { baseMs: 500, factor: 3, maxMs: 60_000, jitter: 0.25 },
        background: false,
      },
    ],
  },
  logs: {
    type: 'logs',
    at: 4,
    lines: [
      {
        at: '2026-01-01T00:00:00.000Z',
        level: 'info',
        text: 'ready',
        source: 'worker',
        run: 'r_01',
        fields: { slots: 4 },
      },
    ],
    dropped: 2,
    tail: 'error',
  },
  ping: { type: 'ping', at: 5, id: 1 },
  pong: { type: 'pong', at: 6, id: 1 },
  bye: { type: 'bye', at: 7, reason: 'shutting down' },
}

export const BALANCER_MESSAGES: Record<string, FromBalancer> = {
  welcome: {
    type: 'welcome',
    at: 1,
    protocol: 1,
    name: 'balancer-1',
    bootId: 'c2d41e90',
    heartbeatIntervalMs: 3000,
    heartbeatTimeoutMs: 3000,
    leaseMs: 30_000,
    adopt: [{ run: 'r_01', fence: 2 ** 32 + 1, task: 12 }],
  },
  interface: { type: 'interface', at: 2, hash: HASH },
  maintenance: {
    type: 'maintenance',
    at: 3,
    on: true,
    by: 'operator',
    reason: 'update',
    until: '2026-01-01T00:00:00.000Z',
  },
  logs: {
    type: 'logs',
    at: 4,
    follow: true,
    level: 'info',
    backlog: 20,
    perSecond: 100,
    fields: true,
    tail: 'error',
  },
  warm: { type: 'warm', at: 4, all: false, on: ['images.resize'], off: [] },
  ping: { type: 'ping', at: 5, id: 1 },
  pong: { type: 'pong', at: 6, id: 1 },
  bye: { type: 'bye', at: 7, reason: 'the balancer stops' },
}
