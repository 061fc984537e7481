/**
 * A worker's end of `--watch`: it waits, warm, until its supervisor has it load the project, and again until the
 * port is free. Made by `main.ts` in a process that the supervisor started; nothing of it exists in others.
 * Invariant: a worker whose supervisor is gone goes too.
 */
import { once } from 'node:events'
import { type Report, textOf, typeOf } from './cues.ts'

export class Standby {
  readonly #heard = new Set<string>()

  constructor() {
    process.on('message', (message) => {
      const type = typeOf(message)
      if (type !== undefined) this.#heard.add(type)
    })
    process.once('disconnect', () => {
      if (!this.#heard.has('load')) process.exit(0)
    })
  }

  /** The files are to be loaded. */
  async cued(): Promise<void> {
    await this.#cue('load')
  }

  /** Says that all files are loaded; resolves when the port is free. */
  async loaded(): Promise<void> {
    await report({ type: 'loaded' })
    await this.#cue('listen')
  }

  async failed(text: string): Promise<void> {
    await report({ type: 'failed', text })
  }

  onLeave(listener: (why: string) => void): void {
    process.on('message', (message) => {
      if (typeOf(message) === 'leave') listener('the files have changed')
    })
    process.once('disconnect', () => listener('the supervisor is gone'))
    if (this.#heard.has('leave')) listener('the files have changed')
    else if (!process.connected) listener('the supervisor is gone')
  }

  onProblem(listener: (text: string) => void): void {
    process.on('message', (message) => {
      if (typeOf(message) === 'problem') listener(textOf(message))
    })
  }

  async #cue(type: string): Promise<void> {
    while (!this.#heard.has(type)) await once(process, 'message')
  }
}

/** Resolves when it is on its way; a supervisor that is gone needs no report. */
function report(message: Report): Promise<void> {
  return new Promise((resolve) => {
    if (!process.send || !process.connected) return resolve()
    process.send(message, undefined, {}, () => resolve())
  })
}
