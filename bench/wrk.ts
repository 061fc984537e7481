/**
 * Drives a server with `wrk` and reads what it prints. Called by the benchmarks.
 * Invariant: a rate is of good answers only; one bad answer or one broken connection is an error.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type Load = { url: string; script: string; seconds: number; connections: number }

export async function hasWrk(): Promise<boolean> {
  try {
    await run('wrk', ['--version'])
    return true
  } catch (error) {
    // It prints its version and ends with 1.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}

/** Answers in a second. Throws when any of them was not 200, or none came. */
export async function measure({ url, script, seconds, connections }: Load): Promise<number> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}`, '-s', script, url]
  const { stdout } = await run('wrk', args)
  const bad = /^.*(?:Non-2xx or 3xx responses|Socket errors).*$/m.exec(stdout)
  if (bad) throw new Error(`${url} answered badly: ${bad[0].trim()}`)
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  if (!(rate > 0)) throw new Error(`wrk said nothing of a rate:\n${stdout}`)
  return rate
}
