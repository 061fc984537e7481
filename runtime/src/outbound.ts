/**
 * Sends requests to addresses that somebody else named: webhooks. Every address is judged as the connection is
 * made, a literal before it and a name's addresses in its `lookup`; the judged address is the one connected to.
 * Redirects are not followed, proxies of the environment and `Alt-Svc` not used, and of an answer at most 64 KB
 * are read. Nothing is kept open between requests.
 * Invariant: no byte leaves to an address that the rules refuse.
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { type Resolve, type ResolvedAddress, resolveBySystem } from './name-lookups.ts'
import type { OutboundRules, UrlVerdict } from './outbound-rules.ts'

export interface OutboundPost {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Sent as it is. */
  readonly body: Uint8Array
  /** From now until the answer is there. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export type OutboundResult =
  | {
      readonly kind: 'answered'
      readonly status: number
      /** From `Retry-After`, at most a day. */
      readonly retryAfterMs: number | undefined
      /** At most 64 KB of the answer's body, as text. */
      readonly body: string
    }
  /** The rules do not let it through, now or ever. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Nothing came back in time, or the connection failed. */
  | { readonly kind: 'failed'; readonly reason: string }

const ANSWER_LIMIT_BYTES = 64 * 1024
const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000
/** Of our own, so that no proxy of the environment gets into them. */
const HTTP_AGENT = new HttpAgent({ keepAlive: false })
const HTTPS_AGENT = new HttpsAgent({ keepAlive: false })

export class Outbound {
  readonly #rules: OutboundRules
  readonly #resolve: Resolve

  constructor(rules: OutboundRules, resolve: Resolve = resolveBySystem) {
    this.#rules = rules
    this.#resolve = resolve
  }

  /** What can be said of a URL without resolving its name. */
  judge(url: string): UrlVerdict {
    return this.#rules.judgeUrl(url)
  }

  /** Never rejects. */
  async post(post: OutboundPost): Promise<OutboundResult> {
    const verdict = this.#rules.judgeUrl(post.url)
    if (!verdict.ok) return { kind: 'refused', reason: verdict.reason }
    try {
      return await this.#exchange(verdict.url, post)
    } catch (error) {
      if (error instanceof RefusedAddress) return { kind: 'refused', reason: error.message }
      return { kind: 'failed', reason: reasonOf(error) }
    }
  }

  #exchange(url: URL, post: OutboundPost): Promise<OutboundResult> {
    const { promise, resolve, reject } = Promise.withResolvers<OutboundResult>()
    const request = this.#open(url, post)
    const timer = setTimeout(() => {
      request.destroy(new Error(`no answer within ${post.timeoutMs} ms`))
    }, post.timeoutMs)
    const onAbort = () => request.destroy(new Error('it was given up'))
    post.signal?.addEventListener('abort', onAbort)
    if (post.signal?.aborted) onAbort()
    let hasAnswer = false
    const fail = (error: Error) => !hasAnswer && reject(error)
    request.on('error', fail)
    request.on('close', () => fail(new Error('the connection closed without an answer')))
    request.on('response', (response) => {
      // A status that has come counts, whatever becomes of the rest.
      hasAnswer = true
      void readAnswer(response).then((body) => {
        resolve(answered(response, body))
        request.destroy()
      })
    })
    request.end(post.body)
    return promise.finally(() => {
      clearTimeout(timer)
      post.signal?.removeEventListener('abort', onAbort)
    })
  }

  #open(url: URL, { headers, body }: OutboundPost): ClientRequest {
    const isPlain = url.protocol === 'http:'
    const send = isPlain ? httpRequest : httpsRequest
    return send(url, {
      method: 'POST',
      agent: isPlain ? HTTP_AGENT : HTTPS_AGENT,
      headers: { ...headers, 'content-length': String(body.length) },
      lookup: this.#lookupFor(url),
    })
  }

  /** Node calls it for names alone; literals were judged with the URL. */
  #lookupFor(url: URL): LookupFunction {
    return (name, options, callback) => {
      this.#resolveAllowed(url, name, options.family).then(
        (addresses) => {
          const [first] = addresses
          if (!first) callback(new Error(`${name} has no address`), [])
          else if (options.all) callback(null, [...addresses])
          else callback(null, first.address, first.family)
        },
        (error: NodeJS.ErrnoException) => callback(error, []),
      )
    }
  }

  /** One refused address refuses the name: whoever mixes them wants to see which one is taken. */
  async #resolveAllowed(url: URL, name: string, family: unknown): Promise<readonly ResolvedAddress[]> {
    const addresses = await this.#resolve(name)
    for (const { address } of addresses) {
      const reason = this.#rules.refusalOf(url, address)
      if (reason !== undefined) throw new RefusedAddress(`${name}: ${reason}`)
    }
    return addresses.filter((entry) => (family !== 4 && family !== 6 ? true : entry.family === family))
  }
}

class RefusedAddress extends Error {}

function answered(response: IncomingMessage, body: string): OutboundResult {
  const retryAfterMs = parseRetryAfter(response.headers['retry-after'], Date.now())
  return { kind: 'answered', status: response.statusCode ?? 0, retryAfterMs, body }
}

/** Resolves at the end of the body, at the limit, or when the connection breaks. */
function readAnswer(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const done = () => resolve(Buffer.concat(chunks).subarray(0, ANSWER_LIMIT_BYTES).toString('utf8'))
    response.on('error', () => {})
    response.on('close', done)
    response.on('end', done)
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= ANSWER_LIMIT_BYTES) response.destroy()
    })
  })
}

/** Seconds or a date, as milliseconds from now. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const waitMs = /^\s*\d{1,9}\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), LONGEST_RETRY_AFTER_MS)
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return 'it failed'
  const { code } = error as NodeJS.ErrnoException
  return error.message || code || 'it failed'
}
