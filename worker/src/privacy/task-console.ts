/**
 * Ties `console.*` to the task whose handler calls it: the lines go into the worker's log with the task's id,
 * also from what the handler left behind, and what no task calls goes there without one.
 * Installed once a process (or thread) by its main; `attempt.ts` runs handlers inside of it.
 * Invariant: a line of the console is one entry of the log, and cannot be taken for another.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import type { ContextLog } from '../functions/define.ts'

export interface Speaker {
  readonly log: ContextLog
}

const speaking = new AsyncLocalStorage<Speaker>()

/** Calls `act` with `speaker.log` as its console. */
export function speakFor<T>(speaker: Speaker, act: () => T): T {
  return speaking.run(speaker, act)
}

type Level = keyof ContextLog

/** The others go by their stream: standard output is `info`, standard error `error`. */
const LEVELS: Readonly<Record<string, Level>> = {
  debug: 'debug',
  warn: 'warn',
  error: 'error',
  trace: 'debug',
}

/** Replaces what the global console does; returns what puts it back. `log` takes what belongs to no task. */
export function captureConsole(log: ContextLog): () => void {
  const makeConsole = (outLevel: Level, errLevel: Level) =>
    new Console({
      stdout: sinkOf(outLevel, log),
      stderr: sinkOf(errLevel, log),
      colorMode: false,
      ignoreErrors: false,
    })
  const plain = makeConsole('info', 'error')
  const before: [string, unknown][] = []
  const set = (name: string, from: Console) => {
    const method: unknown = Reflect.get(from, name)
    const past: unknown = Reflect.get(console, name)
    if (typeof method !== 'function' || typeof past !== 'function' || name === 'Console') return
    before.push([name, past])
    Reflect.set(console, name, method.bind(from))
  }
  for (const name of Object.keys(console)) {
    const level = LEVELS[name]
    set(name, level === undefined ? plain : makeConsole(level, level))
  }
  return () => {
    for (const [name, method] of before) Reflect.set(console, name, method)
  }
}

function sinkOf(level: Level, log: ContextLog): Writable {
  return new Writable({
    decodeStrings: false,
    write(text, _encoding, done) {
      const speaker = speaking.getStore()
      ;(speaker?.log ?? log)[level](String(text).replace(/\n$/, ''))
      done()
    },
  })
}
