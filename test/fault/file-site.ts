/**
 * A balancer and workers whose functions write and read files, on which processes are killed in the middle of one,
 * and the judgement afterwards: every file that anybody can see is whole, every one that was promised is there, and
 * nothing else lies on the disk. Used by `files.test.ts` and, larger, by `nightly/files.nightly.ts`.
 */
import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { RunView } from '@berth/protocol'
import { piecesOf, sha256Of, sha256OfBody, writeFileFleet } from '../end-to-end/file-fleet.ts'
import {
  type Balancer,
  KEYS,
  type Place,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { findFreePort } from '../harness/ports.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LinkProxy } from './link-proxy.ts'

export const LIMIT_MS = 90_000
/** Found again quickly, and not given up over the start of a process. */
const HASTY = {
  WORKER_DISCOVERY_INTERVAL: '100',
  WS_HEARTBEAT_INTERVAL: '3s',
  WS_HEARTBEAT_TIMEOUT: '3s',
  FILE_LIMIT: '200mb',
  RUN_FILES_LIMIT: '1gb',
  DISK_RESERVE: '1mb',
}

/** Some twenty megabytes a second: a file of as many does not slip through between two looks at it. */
const PACE = { bytes: 64 * 1024, everyMs: 2 }

export interface WantedFile {
  readonly path: string
  readonly size: number
  readonly seed: string
}

export interface UploadOptions {
  /** Says nothing more behind so many bytes. */
  readonly stopsAt?: number
  readonly signal?: AbortSignal
  readonly task?: object
}

const UPLOAD = { function: 'read', mode: 'async' }

export class FileSite {
  readonly #scope: Scope
  readonly #folder: string
  readonly #env: Record<string, string>
  readonly workers: Worker[] = []
  /** Before the workers, in their order. */
  readonly proxies: LinkProxy[] = []
  balancer!: Balancer
  #isPaced = false

  private constructor(scope: Scope, folder: string, env: Record<string, string>) {
    this.#scope = scope
    this.#folder = folder
    this.#env = env
  }

  static async start(
    scope: Scope,
    workers = 1,
    env: Record<string, string> = {},
    place?: Place,
  ): Promise<FileSite> {
    const folder = await writeFileFleet(await makeFolder(scope, 'fleet'))
    const site = new FileSite(scope, folder, { ...HASTY, PORT: String(await findFreePort()), ...env })
    for (let n = 0; n < workers; n++) {
      const worker = await site.#startWorker()
      site.workers.push(worker)
      site.proxies.push(await LinkProxy.start(scope, worker.port))
    }
    const own = place ? { place } : {}
    site.balancer = await startBalancer(scope, { env: site.#env, workers: site.#entries, ...own })
    await waitForWorkers(site.balancer, workers)
    return site
  }

  get #entries() {
    return this.proxies.map(({ url }, n) => ({ url, name: `w${n}` }))
  }

  #startWorker(port?: number): Promise<Worker> {
    const env = { SLOTS: '8', ...(port === undefined ? {} : { PORT: String(port) }) }
    return startWorker(this.#scope, { folder: this.#folder, env })
  }

  /** From now on what workers send comes no faster than a test can watch it. */
  pace(): void {
    this.#isPaced = true
    this.goOn()
  }

  /** Links are whole again. */
  goOn(): void {
    for (const proxy of this.proxies) {
      proxy.heal()
      if (this.#isPaced) proxy.limit(PACE, 'up')
    }
  }

  /** In its place, with what it left. */
  async restartBalancer(): Promise<void> {
    const { dataDir, workersFile } = this.balancer
    const env = { ...this.#env, DATA_DIR: dataDir, WORKERS_FILE: workersFile }
    this.balancer = await startBalancer(this.#scope, { env, workers: this.#entries })
  }

  async restartWorker(n: number): Promise<void> {
    const { port } = this.workers[n] as Worker
    this.workers[n] = await this.#startWorker(port)
  }

  async beginWriting(files: readonly WantedFile[], more: object = {}): Promise<string> {
    const answer = await postTask(this.balancer, {
      function: 'write',
      input: { files },
      async: true,
      ...more,
    })
    assert.equal(answer.status, 202, answer.text)
    return (answer.body as { runId: string }).runId
  }

  /** The answer to a task with a file; undefined when it does not come. */
  async upload(
    file: WantedFile,
    { stopsAt, signal, task = UPLOAD }: UploadOptions = {},
  ): Promise<Response | undefined> {
    const boundary = 'b'.repeat(40)
    const head = (lines: string) =>
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${lines}\r\n\r\n`)
    function* body() {
      yield Buffer.concat([head('name="task"'), Buffer.from(`${JSON.stringify(task)}\r\n`)])
      yield head(`name="files"; filename="${file.path}"\r\nContent-Type: image/png`)
      yield* piecesOf(file.size, file.seed)
      yield Buffer.from(`\r\n--${boundary}--\r\n`)
    }
    const headers = {
      authorization: KEYS.caller,
      'content-type': `multipart/form-data; boundary=${boundary}`,
    }
    if (stopsAt !== undefined) return sendPart(this.balancer.url, headers, body(), stopsAt, signal)
    const init = { method: 'POST', headers, body: ReadableStream.from(body()), duplex: 'half', signal }
    return fetch(`${this.balancer.url}/task`, init as RequestInit).catch(() => undefined)
  }

  /** Of two, the one that has the run; the other goes on, and it comes back later. */
  async killWorkerOf(run: string): Promise<void> {
    const { worker } = (await this.balancer.request(`/runs/${run}`)).body as { worker: string }
    const n = Number(worker.slice(1))
    await this.workers[n]?.kill9()
    this.goOn()
    await this.restartWorker(n)
  }

  /** Resolves when some file has come in so far, and not much further. */
  async midway(bytes: number): Promise<void> {
    const folder = join(this.balancer.dataDir, 'files/incoming')
    await until(
      async () => {
        const names = await readdir(folder).catch(() => [])
        const sizes = await Promise.all(
          names.map((name) =>
            stat(join(folder, name))
              .then(({ size }) => size)
              .catch(() => 0),
          ),
        )
        return sizes.some((size) => size >= bytes)
      },
      LIMIT_MS,
      `${bytes} bytes of a file have come`,
    )
  }

  /** As `midway` of what a worker sends, and there it stays until `goOn`, or its worker is killed. */
  async holdMidway(bytes: number): Promise<void> {
    assert.ok(this.#isPaced)
    await this.midway(bytes)
    for (const proxy of this.proxies) proxy.freeze('up')
  }

  async ended(run: string): Promise<RunView> {
    const view = await until(
      async () => {
        const answer = await this.balancer.request(`/runs/${run}?wait=10`).catch(() => undefined)
        const found = answer?.status === 200 ? (answer.body as RunView) : undefined
        return found?.finishedAt ? found : undefined
      },
      LIMIT_MS,
      `${run} has ended`,
    )
    return view as RunView
  }

  /** Every file of the run that anybody can see is whole. */
  async assertWhole(run: RunView, wanted: readonly WantedFile[]): Promise<void> {
    for (const { path, size: told } of run.files.filter(({ path }) => path !== 'seen.json')) {
      const { size, seed } =
        wanted.find((file) => file.path === path) ?? assert.fail(`nobody wrote "${path}"`)
      const response = await fetch(`${this.balancer.url}/runs/${run.id}/files/${encodeURI(path)}`, {
        headers: { authorization: KEYS.caller },
      })
      assert.equal(response.status, 200)
      assert.deepEqual(await sha256OfBody(response), { sha256: sha256Of(size, seed), size: told }, path)
    }
  }

  async assertAll(run: RunView, wanted: readonly WantedFile[]): Promise<void> {
    assert.equal(run.status, 'completed', JSON.stringify(run.error))
    await this.assertWhole(run, wanted)
    assert.deepEqual(
      run.files.map(({ path, size }) => [path, size]).filter(([path]) => path !== 'seen.json'),
      wanted.map(({ path, size }) => [path, size]).sort(),
    )
  }

  /** `dataDir`: as this process sees it. */
  async filesOnDisk(dataDir = this.balancer.dataDir): Promise<readonly string[]> {
    const names = await readdir(join(dataDir, 'files'), { recursive: true }).catch(() => [])
    return names.filter((name) => /[0-9a-f]{32}$/.test(name))
  }

  /** As many files lie on the disk as runs have, and none when all runs are gone. */
  async assertNothingLeft(): Promise<void> {
    const { items } = (await this.balancer.request('/runs?limit=500')).body as { items: RunView[] }
    const had = items.reduce((sum, { files }) => sum + files.length, 0)
    await until(async () => (await this.filesOnDisk()).length === had, LIMIT_MS, `${had} files are left`)
    assert.deepEqual(
      (await this.filesOnDisk()).filter((name) => name.includes('incoming')),
      [],
    )
    const filter = { status: ['completed', 'failed', 'cancelled', 'expired'] }
    const { status } = await this.balancer.request('/bulk', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ action: 'delete', filter }),
    })
    assert.equal(status, 202)
    await until(async () => (await this.filesOnDisk()).length === 0, LIMIT_MS, 'no file is left')
  }
}

/** Resident memory of a process, in bytes; Linux. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
}

/**
 * Sends so many bytes of a body and waits for the end of the connection. Not by `fetch`: killed in mid-body it
 * leaves a socket behind now and then, for which Node waits for ever as the process ends (26.10).
 */
async function sendPart(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Iterable<Uint8Array>,
  bytes: number,
  signal?: AbortSignal,
): Promise<undefined> {
  const { hostname, port, host } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  const fields = Object.entries({ host, ...headers, 'content-length': String(4 * bytes) })
  const lines = ['POST /task HTTP/1.1', ...fields.map(([name, value]) => `${name}: ${value}`)]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  const isOver = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  signal?.addEventListener('abort', () => socket.destroy(), { once: true })
  let sent = 0
  for (const piece of body) {
    if (sent >= bytes) break
    socket.write(piece)
    sent += piece.length
  }
  await isOver
}
