/**
 * What a command tells beside its result: lines of JSON on a pipe of its own (BERTH_TELL_FD), each an object with any
 * of `usage`, `message`, `source` and `progress`, as `ctx` takes them. Read by `run-command.ts`, one a command.
 * Invariant: whatever comes through the pipe ends nothing; what is wrong with a line is logged, a few times.
 */
import { StringDecoder } from 'node:string_decoder'
import { messageOf } from '../attempt/result.ts'
import type { Context, Source } from '../functions/define.ts'

export type TellingContext = Pick<Context, 'log' | 'usage' | 'message' | 'source' | 'progress'>

/** In characters; a longer line is passed over. */
const LINE_LENGTH = 256 * 1024
const MOST_COMPLAINTS = 10

export class CommandVoice {
  readonly #context: TellingContext
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  #isTooLong = false
  #complaints = 0

  constructor(context: TellingContext) {
    this.#context = context
  }

  add(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#hear(line)
    if (this.#rest.length <= LINE_LENGTH) return
    this.#rest = ''
    this.#isTooLong = true
  }

  end(): void {
    if (this.#rest !== '') this.#hear(this.#rest)
    this.#rest = ''
  }

  #hear(line: string): void {
    if (this.#isTooLong) this.#complain(`it is longer than ${LINE_LENGTH} characters`)
    else if (line.trim() !== '')
      try {
        this.#tell(JSON.parse(line))
      } catch (error) {
        this.#complain(messageOf(error))
      }
    this.#isTooLong = false
  }

  /** Throws on what `ctx` does not take. */
  #tell(told: unknown): void {
    if (typeof told !== 'object' || told === null || Array.isArray(told))
      throw new TypeError('it is no object such as {"usage": {"steps": 1}}')
    const { usage, message, source, progress } = told as Record<string, never>
    if (usage !== undefined) this.#context.usage(usage)
    if (message !== undefined) this.#context.message(message)
    if (source !== undefined) this.#context.source(source as Source)
    if (progress !== undefined) this.#progress(progress)
  }

  #progress(progress: { readonly fraction?: unknown; readonly text?: unknown } | number): void {
    if (typeof progress === 'number') return this.#context.progress(progress)
    const { fraction, text } = progress
    if (typeof fraction === 'number')
      this.#context.progress(fraction, text === undefined ? undefined : String(text))
  }

  #complain(why: string): void {
    if (this.#complaints++ < MOST_COMPLAINTS)
      this.#context.log.warn(`a line that the command told on BERTH_TELL_FD was passed over: ${why}`)
  }
}
