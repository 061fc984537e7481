/**
 * A balancer that can be weighed, with three workers and what goes wrong with them, for soak.ts: a link that is
 * cut, a worker that is killed, operators, pages that come and go, callers with a wrong key.
 * Invariant: when a round of faults is over, all is whole again; `rest` waits until nothing runs and nobody is away.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import {
  type Balancer,
  KEYS,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
  writeWorkersFile,
} from '../harness/berth.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { countDescriptors } from './descriptors.ts'
import { LinkProxy } from './link-proxy.ts'
import { HEARTBEAT } from './site.ts'
import type { Fault, Life, Rest } from './story.ts'
import { askWeight, type Holding, WEIGHABLE } from './weight.ts'

const SLOTS = 8
const LIMIT_MS = 60_000
/** Whoever is left out for its failures is tried again within this; nobody is for longer here. */
const BACK_MS = 300_000
const PAGES = 5
const STRANGERS = 20

const SOURCES = {
  small: `export default defineFunction({
  input: z.object({ n: z.number() }),
  config: { idempotent: true },
  handler: ({ n }) => ({ n }),
})`,
  raw: `export default defineFunction({
  input: z.looseObject({}),
  async handler(_, { body, contentType }) {
    return bytes(new Uint8Array(await body.arrayBuffer()), contentType)
  },
})`,
  words: `export default defineFunction({
  input: z.object({ count: z.number() }),
  config: { supportsStreaming: true },
  async handler({ count }, ctx) {
    for (let n = 0; n < count; n++) await ctx.stream('word ' + n + ' ')
  },
})`,
  broken: `export default defineFunction({ input: z.looseObject({}), handler() { throw new Error('as it was told') } })`,
  slow: `export default defineFunction({
  input: z.looseObject({}),
  handler: (_, { signal }) => wait(300, undefined, { signal }),
})`,
}
const HEADER = `import { setTimeout as wait } from 'node:timers/promises'
import { bytes, defineFunction } from '@berth/worker'
import { z } from 'zod'
`

type Line = { id: string; status: string; slots: { used: number; stuck: number } | null }

export class SoakSite {
  readonly balancer: Balancer
  readonly #scope: Scope
  readonly #folder: string
  readonly #proxy: LinkProxy
  readonly #workers: Worker[]
  readonly #entries: readonly { url: string; name: string }[]
  readonly #faults: Fault[] = []
  readonly #lives: Life[] = []
  #round = 0

  private constructor(scope: Scope, folder: string, balancer: Balancer, workers: Worker[], proxy: LinkProxy) {
    this.#scope = scope
    this.#folder = folder
    this.balancer = balancer
    this.#workers = workers
    this.#proxy = proxy
    this.#entries = listEntries(workers, proxy)
  }

  static async start(scope: Scope): Promise<SoakSite> {
    const folder = await makeFolder(scope, 'soak')
    await mkdir(join(folder, 'functions'))
    for (const [name, source] of Object.entries(SOURCES))
      await writeFile(join(folder, 'functions', `${name}.ts`), `${HEADER}\n${source}\n`)
    const workers = await Promise.all([1, 2, 3].map(() => startSoakWorker(scope, folder)))
    const proxy = await LinkProxy.start(scope, workers[0]?.port ?? 0)
    const env = {
      ...HEARTBEAT,
      LOG_LEVEL: 'error',
      WORKER_DISCOVERY_INTERVAL: '200ms',
      ...WEIGHABLE,
    }
    const balancer = await startBalancer(scope, { workers: listEntries(workers, proxy), env })
    await waitForWorkers(balancer, workers.length)
    return new SoakSite(scope, folder, balancer, workers, proxy)
  }

  // --- Faults ----------------------------------------------------------------------------------

  /** One of each kind, one after the other, while tasks run. */
  async suffer(): Promise<void> {
    this.#round++
    await this.#operate()
    this.#proxy.cut()
    await this.#look()
    await this.#editList()
    await this.#killLast()
    await this.#knock()
  }

  async #post(path: string, body: object = {}): Promise<void> {
    const { status, text } = await this.balancer.request(path, { method: 'POST', body: JSON.stringify(body) })
    assert.ok(status < 500, text)
  }

  async #operate(): Promise<void> {
    await this.#post('/workers/w2/off', { reason: `round ${this.#round}` })
    await this.#post('/explain', { function: 'small', input: { n: 1 } })
    await this.#post('/fleet/on', { select: { group: 'default' } })
    for (const concurrency of [1_000, null])
      await this.balancer.request('/functions/default/small', {
        method: 'PATCH',
        body: JSON.stringify({ concurrency }),
      })
  }

  /** Pages of the dashboard come, see and go; runs are looked at. */
  async #look(): Promise<void> {
    const pages = Array.from({ length: PAGES }, () => {
      const page = new WebSocket(`${this.balancer.url.replace('http', 'ws')}/feed`, {
        headers: { authorization: `Bearer ${KEYS.caller}` },
      })
      return new Promise<void>((resolve, reject) => {
        page.once('message', () => page.close())
        page.once('close', () => resolve()).once('error', reject)
      })
    })
    await Promise.all(pages)
    const { items } = (await this.balancer.request('/runs?limit=20')).body as { items: { id: string }[] }
    for (const { id } of items) await this.balancer.request(`/runs/${id}/explain`)
  }

  async #editList(): Promise<void> {
    const tags = { round: String(this.#round) }
    await writeWorkersFile(
      this.balancer.workersFile,
      this.#entries.map((entry) => ({ ...entry, tags })),
    )
  }

  async #killLast(): Promise<void> {
    const index = this.#workers.length - 1
    const worker = this.#workers[index]
    assert.ok(worker)
    const fault: Fault = { kind: 'worker-killed', pid: worker.pid, beganAtMs: Date.now() }
    this.#faults.push(fault)
    await worker.kill9()
    this.#lives.push(lifeOf(`w${index + 1}`, worker, await worker.exited))
    this.#workers[index] = await startSoakWorker(this.#scope, this.#folder, worker.port)
    fault.endedAtMs = Date.now()
  }

  /** Callers who have no business here. */
  async #knock(): Promise<void> {
    for (let n = 0; n < STRANGERS; n++) {
      const headers = { authorization: `Bearer wrong-${this.#round}-${n}` }
      const { status } = await this.balancer.request('/task', { method: 'POST', headers, body: '{}' })
      assert.ok(status === 401 || status === 429, `a wrong key got ${status}`)
    }
  }

  // --- What is seen ----------------------------------------------------------------------------

  async #lines(): Promise<Line[]> {
    return ((await this.balancer.request('/workers')).body as { items: Line[] }).items
  }

  /** Waits until nothing runs and everybody is in service; answers what C6 and C7 judge. */
  async rest(): Promise<Rest> {
    const isAway = async () => (await this.#lines()).some(({ status }) => status !== 'ready')
    // Who is left out is tried with a task when its time is over, so there are tasks meanwhile.
    await until(
      async () => {
        if (!(await isAway())) return true
        await this.#post('/task', { function: 'small', input: { n: 0 } })
        await pause(50)
        return undefined
      },
      BACK_MS,
      'all workers are in service',
    )
    let rest = await this.#survey()
    await until(
      async () => {
        rest = await this.#survey()
        return rest.waiting + rest.running === 0 && rest.workers.every(({ used }) => used === 0)
      },
      LIMIT_MS,
      'nothing runs',
    )
    return rest
  }

  async #survey(): Promise<Rest> {
    const { queue } = (await this.balancer.request('/health')).body as {
      queue: { waiting: number; running: number }
    }
    const workers = await Promise.all(
      (await this.#lines()).map(async ({ id, status, slots }) => {
        const own = await this.#workers[Number(id.slice(1)) - 1]?.request('/health')
        const { slots: ownSlots } = (own?.body ?? {}) as { slots?: { used: number } }
        const ownUsed = ownSlots?.used ?? Infinity
        return { id, status, used: slots?.used ?? 0, stuck: slots?.stuck ?? 0, ownUsed }
      }),
    )
    return { ...queue, workers, descriptors: undefined }
  }

  descriptors(): number | undefined {
    return countDescriptors(this.balancer.pid, this.balancer.port)
  }

  weigh(): Promise<Holding> {
    return askWeight(this.balancer)
  }

  /** Of every process there was; the faults say who was killed. */
  lives(): { lives: readonly Life[]; faults: readonly Fault[] } {
    const now = this.#workers.map((worker, index) => lifeOf(`w${index + 1}`, worker))
    return { lives: [...this.#lives, ...now, lifeOf('balancer', this.balancer)], faults: this.#faults }
  }
}

function listEntries(workers: readonly Worker[], proxy: LinkProxy): { url: string; name: string }[] {
  return workers.map(({ url }, index) => ({ url: index === 0 ? proxy.url : url, name: `w${index + 1}` }))
}

function startSoakWorker(scope: Scope, folder: string, port?: number): Promise<Worker> {
  const env = { SLOTS: String(SLOTS), LOG_LEVEL: 'error', ...(port && { PORT: String(port) }) }
  return startWorker(scope, { folder, env })
}

function lifeOf(name: string, { pid, output }: Worker | Balancer, exit?: Life['exit']): Life {
  return { name, pid, slots: SLOTS, output: output(), exit }
}
