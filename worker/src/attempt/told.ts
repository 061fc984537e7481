/**
 * What a handler tells of its run beside chunks, lines and progress: usage, sources, messages. Checked where it is
 * said, in the process or the thread of the handler, so that the handler itself hears what is wrong with it. Pure;
 * called by `context.ts` and `thread-context.ts`.
 * Invariant: what comes out is plain, bounded data of its own.
 */
import { NonRetryable, type Source } from '../functions/define.ts'

const USAGE_NAMES = 32
const NAME_LENGTH = 64
const URL_LENGTH = 2_048
const TITLE_LENGTH = 1_024
const MESSAGE_LENGTH = 64 * 1024

/** Throws a TypeError on anything but numbers from 0 by name; a name without a value is left out. */
export function readUsage(usage: unknown): Readonly<Record<string, number>> {
  if (!isObject(usage))
    throw new TypeError('ctx.usage takes an object of numbers, such as { inputTokens: 12 }')
  const given = Object.entries(usage).filter(([, value]) => value !== undefined)
  if (given.length > USAGE_NAMES) throw new TypeError(`ctx.usage takes at most ${USAGE_NAMES} names at once`)
  for (const [name, value] of given) {
    if (name.length === 0 || name.length > NAME_LENGTH)
      throw new TypeError(`ctx.usage takes names of 1 to ${NAME_LENGTH} characters`)
    if (typeof value !== 'number' || !(value >= 0 && value < Number.POSITIVE_INFINITY))
      throw new TypeError(
        `ctx.usage takes numbers from 0, and "${name}" is ${String(value).slice(0, NAME_LENGTH)}`,
      )
  }
  return Object.fromEntries(given) as Record<string, number>
}

/** Throws a TypeError on anything but an http(s) URL with or without a title; a long title is cut. */
export function readSource(source: unknown): Source {
  const { url, title } = (source ?? {}) as Partial<Source>
  if (typeof url !== 'string' || url.length > URL_LENGTH || !/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new TypeError(
      `ctx.source takes { url, title }, the url with http or https and at most ${URL_LENGTH} characters`,
    )
  return title === undefined ? { url } : { url, title: String(title).slice(0, TITLE_LENGTH) }
}

/** Throws a TypeError on anything but a text or an object that JSON can hold, and on a long one. */
export function readMessage(message: unknown): string | object {
  if (typeof message !== 'string' && !isObject(message))
    throw new TypeError('ctx.message takes a text or an object')
  const text = toJson(message)
  if (text === undefined) throw new TypeError('ctx.message takes what JSON can hold')
  if (text.length > MESSAGE_LENGTH)
    throw new TypeError(`ctx.message takes at most ${MESSAGE_LENGTH} characters of JSON`)
  return JSON.parse(text)
}

/** A task that came past the balancer is no run, and the test kit keeps what it is asked to keep. */
export function refuseFile(path: string): Promise<never> {
  const detail = `files are kept by a balancer, and this task came past it, so "${path}" was not written`
  const error = new NonRetryable(`ctx.file: ${detail}; send the task to the balancer`)
  return Promise.reject(Object.assign(error, { code: 'CONFLICT' }))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
