/**
 * Starts a server to be measured as a process of its own and ends it. Called by the benchmarks. A server is up when
 * a line of its output is JSON with `text` as asked for and a `url`.
 * Invariant: what was started has ended when its `stop` resolves.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export type ServerProcess = { url: string; pid: number; stop(): Promise<void> }

/** Throws when it ends before it is up. */
export async function startServer(
  args: readonly string[],
  text: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const killIt = () => void child.kill('SIGKILL')
  process.once('exit', killIt)
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const said = readLine(line)
      if (said.text === text && said.url !== undefined) resolve(said.url)
    })
    void exited.then(() => reject(new Error(`${args.at(-1)} ended before it was up`)))
  })
  return {
    url,
    pid: child.pid as number,
    async stop() {
      child.kill('SIGTERM')
      await exited
      process.removeListener('exit', killIt)
    },
  }
}

function readLine(line: string): { text?: string; url?: string } {
  try {
    return JSON.parse(line) as { text?: string; url?: string }
  } catch {
    return {}
  }
}
