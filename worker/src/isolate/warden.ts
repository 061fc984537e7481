/**
 * Sees to it that no command outlives a worker that was killed: a small process of its own hears which process
 * groups run, and ends them when the worker's end of the pipe goes away. Made by `runners.ts`, begun with the first
 * command.
 * Invariant: a group is named to the warden from its start until nothing of it is left.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { extname } from 'node:path'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const ENTRY = fileURLToPath(new URL(`./warden-main${extname(import.meta.filename)}`, import.meta.url))

export class Warden {
  readonly #running = new Set<number>()
  #process: ChildProcessByStdio<Writable, null, null> | undefined
  #isStopped = false

  /** A group runs; returns what says that it has ended. */
  watch(group: number): () => void {
    this.#running.add(group)
    if (this.#process) this.#process.stdin.write(`+${group}\n`)
    else if (!this.#isStopped) this.#start()
    return () => {
      if (this.#running.delete(group)) this.#process?.stdin.write(`-${group}\n`)
    }
  }

  /** It ends by itself, with the groups that it still knows. */
  stop(): void {
    this.#isStopped = true
    this.#process?.stdin.end()
  }

  /** One that somebody ended is followed by another with the next command. */
  #start(): void {
    const warden = spawn(process.execPath, [ENTRY], {
      // A group of its own: Ctrl-C and the like are for the worker.
      detached: true,
      env: {},
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    warden.stdin.on('error', () => {})
    warden.on('error', () => {})
    warden.on('exit', () => {
      this.#process = undefined
    })
    warden.unref()
    ;(warden.stdin as Writable & { unref?(): void }).unref?.()
    this.#process = warden
    for (const group of this.#running) warden.stdin.write(`+${group}\n`)
  }
}
