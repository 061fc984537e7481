/**
 * A whole worker in this process for tests: a project folder, a real server on a free port, and a function
 * `scripted` whose handler the test writes where it needs it. Not part of the product.
 */
import assert from 'node:assert/strict'
import { createLog } from '@berth/runtime'
import { type RunningWorker, startWorker, type WorkerOptions } from './compose.ts'
import { readConfig } from './config.ts'
import type { Context } from './define.ts'
import { makeFolder } from './test-folder.ts'

export const TEST_KEYS = { authKey: 'worker-key-of-the-test', fleetKey: 'fleet-key-of-the-test' }

type Handler = (input: Record<string, unknown>, ctx: Context) => unknown

/** What `scripted` (streams) and `scripted-plain` (does not) run; they share this process. */
export const script: { handler: Handler } = { handler: () => null }
Object.assign(globalThis, { berthScript: script })

const scripted = (config: string) => `import { defineFunction } from '@berth/worker'
import { z } from 'zod'
export default defineFunction({
  input: z.looseObject({}),
  config: ${config},
  handler: (input, ctx) => globalThis.berthScript.handler(input, ctx),
})`

const FILES = {
  'functions/scripted.ts': scripted('{ supportsStreaming: true }'),
  'functions/scripted-plain.ts': scripted('{}'),
}

export interface TestWorker extends AsyncDisposable {
  readonly url: string
  readonly running: RunningWorker
  /** Sends a request with the key; `init` as for `fetch`. */
  send(path: string, init?: RequestInit): Promise<Response>
  /** `POST /task`. */
  task(body: object, init?: RequestInit): Promise<Response>
}

export async function startTestWorker(
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
  options: WorkerOptions = {},
): Promise<TestWorker> {
  const folder = makeFolder({ ...FILES, ...files })
  const parsed = readConfig({ PORT: '0', ...env })
  assert.ok(parsed.ok, JSON.stringify(parsed))
  const log = createLog({ source: 'worker', write: () => {} })
  const running = await startWorker(parsed.config, TEST_KEYS, folder.path, log, options)
  const send = (path: string, init: RequestInit = {}) =>
    fetch(running.url + path, {
      method: 'POST',
      ...init,
      headers: { authorization: TEST_KEYS.authKey, ...init.headers },
    })
  return {
    url: running.url,
    running,
    send,
    task: (body, init) => send('/task', { ...init, body: JSON.stringify(body) }),
    async [Symbol.asyncDispose]() {
      await running.stop()
      folder[Symbol.dispose]()
    },
  }
}
