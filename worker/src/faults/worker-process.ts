/**
 * A real worker process for tests of faults: started, spoken to, killed. Not part of the product.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

export const KEYS = { authKey: 'worker-key-of-the-test', fleetKey: 'fleet-key-of-the-test' }
const MAIN = join(import.meta.dirname, '../main.ts')

export interface WorkerProcess extends AsyncDisposable {
  readonly child: ChildProcess
  readonly exit: Promise<number | null>
  /** Once it is ready. */
  readonly url: string
  /** The first line of its log that holds `text`, also one that is yet to come. */
  line(text: string): Promise<string>
  task(
    body: object,
    signal?: AbortSignal,
  ): Promise<{ status: number; code?: string; detail?: string; result?: unknown }>
}

/** Resolves when it is ready. */
export async function startWorkerProcess(
  folder: string,
  env: Readonly<Record<string, string>> = {},
  nodeArgs: readonly string[] = [],
): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [...nodeArgs, MAIN, folder], {
    env: { PATH: process.env.PATH, PORT: '0', AUTH_KEY: KEYS.authKey, LB_AUTH_KEY: KEYS.fleetKey, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  const take = (chunk: unknown) => {
    const parts = (rest + String(chunk)).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    for (const check of [...waiting]) check()
  }
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve))
  const line = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const check = () => {
        const found = lines.find((candidate) => candidate.includes(text))
        if (found === undefined) return
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      void exit.then((code) => reject(new Error(`ended with ${code} before "${text}": ${lines.join('\n')}`)))
      check()
    })
  const url = String((JSON.parse(await line('worker ready')) as { url: string }).url)
  return {
    child,
    exit,
    url,
    line,
    async task(body, signal) {
      const headers = { authorization: KEYS.authKey }
      const init = { method: 'POST', body: JSON.stringify(body), headers }
      const response = await fetch(`${url}/task`, signal ? { ...init, signal } : init)
      return { status: response.status, ...((await response.json()) as object) }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      await exit
    },
  }
}
