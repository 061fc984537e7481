/**
 * What the tests of task calls share: a server whose core does what the test says, by the hot route or by the
 * router, over real sockets.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { TaskError } from '@berth/protocol'
import { ManualClock } from '@berth/runtime'
import type { DoorPort, Settlement, Submission, SubmitPort } from '../ports/submission.ts'
import { createApp } from './app.ts'
import { Door } from './door.ts'
import { FakeDurable } from './durable-bench.ts'
import { DurableCalls } from './durable-call.ts'
import { createHotTask, mayContinue } from './hot-task.ts'
import { createRunIds } from './run-id.ts'
import { createHttpServer } from './server.ts'
import { Shortcut } from './shortcut.ts'
import { TaskExchange, type TaskExchangeDeps } from './task-exchange.ts'
import { taskRoutes } from './task-routes.ts'
import { Tasks, type TasksDeps } from './tasks.ts'
import { KEY, makeBench } from './test-bench.ts'

export const LIMIT = 100_000
export const AUTH = `Authorization: ${KEY}\r\n`
const PROVENANCE = { worker: 'w1', attempt: 1, queueMs: 1.234, runMs: 20 }

/** A core that ends a task when the test says so, or at once by a plan. */
export class FakeCore implements SubmitPort, DoorPort {
  readonly submissions: Submission[] = []
  readonly cancelled: string[] = []
  refusal: TaskError | undefined
  plan: ((submission: Submission) => Settlement) | undefined = () => complete('{"hello":1}')
  #waiters: (() => void)[] = []

  submit(submission: Submission) {
    if (this.refusal) return { ok: false as const, error: this.refusal }
    this.submissions.push(submission)
    const settlement = this.plan?.(submission)
    if (settlement) queueMicrotask(() => submission.onSettled(settlement))
    for (const wake of this.#waiters.splice(0)) wake()
    return { ok: true as const }
  }
  /** What the door says. */
  shed: TaskError | undefined
  refuseAtDoor() {
    return this.shed
  }
  cancel(run: string): boolean {
    this.cancelled.push(run)
    for (const wake of this.#waiters.splice(0)) wake()
    return true
  }
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }
}

export function complete(json: string | Uint8Array, mediaType = ''): Settlement {
  return { kind: 'completed', result: Buffer.from(json), mediaType, ...PROVENANCE }
}

export function fail(error: TaskError, provenance: object = PROVENANCE): Settlement {
  return { kind: 'failed', error, ...PROVENANCE, ...provenance }
}

export type Way = 'short' | 'hot' | 'routed'
export const WAYS: readonly Way[] = ['short', 'hot', 'routed']

export async function serve(
  t: TestContext,
  way: Way,
  changes: Partial<TasksDeps & Pick<TaskExchangeDeps, 'readerIdleMs'>> = {},
) {
  const core = new FakeCore()
  const durable = new FakeDurable()
  const { deps, signIn } = makeBench()
  const clock = new ManualClock()
  const { gate, log } = deps
  const door = new Door(core)
  const terms = { clock, log, taskTimeoutMs: 300_000, queueTimeoutMs: 60_000, defaultPriority: 100 }
  const tasks = new Tasks({
    ...terms,
    scheduler: core,
    createRunId: createRunIds(1, clock.wallMs.bind(clock)),
    answerHeaders: 'full',
    durable: new DurableCalls({
      ...terms,
      runs: durable,
      inputs: durable,
      find: (id) => durable.find(id),
      webhooks: durable,
      door,
    }),
    ...changes,
  })
  const served = new TaskExchange({
    tasks,
    log,
    bodyLimitBytes: LIMIT,
    door,
    readerIdleMs: changes.readerIdleMs,
  })
  const shortcut = new Shortcut({ tasks, log, key: KEY, bodyLimitBytes: LIMIT, door })
  const app = createApp({ ...deps, routes: taskRoutes({ exchange: served }) })
  const server = createHttpServer({
    app,
    log,
    host: '127.0.0.1',
    port: 0,
    ...(way === 'routed' ? {} : { hot: createHotTask({ gate, exchange: served }) }),
    ...(way === 'short' ? { shortcut } : {}),
    mayContinue: mayContinue({ gate, exchange: served }),
  })
  await server.start()
  t.after(() => server.stop())
  const { port } = server.address()
  const open = (): Socket => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    return socket
  }
  /** All that comes back on one connection until its end. */
  const exchange = async (...texts: (string | Uint8Array)[]): Promise<string> => {
    const socket = open()
    let answer = ''
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1')
    })
    for (const text of texts) socket.write(text)
    await once(socket, 'close')
    return answer
  }
  const post = async (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
    const init = { method: 'POST', headers: { authorization: KEY, ...headers }, body }
    const answer = await fetch(`http://127.0.0.1:${port}/task`, init)
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  }
  return { core, durable, door, clock, signIn, log, open, exchange, post, url: `http://127.0.0.1:${port}` }
}
