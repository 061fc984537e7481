/** What the tests of calls on disk share: durable runs that end when a test says so, and inputs judged by it. */
import type { FieldError, TaskError } from '@berth/protocol'
import type {
  Accepted,
  DurableRunsPort,
  FunctionTarget,
  InputCheckPort,
  KeyUse,
  NewRun,
} from '../ports/runs.ts'
import type { Settlement } from '../ports/submission.ts'
import type { TargetVerdict, WebhookTargetPort } from '../ports/webhooks.ts'

interface KeptKey {
  readonly bodyHash: string
  readonly runs: readonly string[]
  answer: 'accepted' | 'final' | null
}

export class FakeDurable implements DurableRunsPort, InputCheckPort, WebhookTargetPort {
  /** Every run that was accepted, by its id. */
  readonly accepted = new Map<string, NewRun>()
  readonly keys = new Map<string, KeptKey>()
  refusal: TaskError | undefined
  /** Which of the runs that come together is the wrong one. */
  refusedIndex: number | undefined
  /** The disk: acceptance answers when it resolves. */
  disk: Promise<void> = Promise.resolve()
  wrong: readonly FieldError[] = []
  readonly checked: { readonly target: FunctionTarget; readonly input: object }[] = []
  readonly #ends = new Map<string, Settlement>()
  readonly #waits = new Map<string, Set<() => void>>()
  /** Milliseconds that somebody waits for, in the order of asking; a test lets the time pass. */
  readonly waitedMs: number[] = []
  readonly #timeouts: (() => void)[] = []

  async accept(runs: readonly NewRun[], key: KeyUse | undefined): Promise<Accepted> {
    const before = key && (await this.replay(key))
    if (before) return before
    if (this.refusal) {
      const index = this.refusedIndex
      return { ok: false, error: this.refusal, ...(index === undefined ? {} : { index }) }
    }
    const ids = runs.map((_, at) => `r_${String(this.accepted.size + at).padStart(26, '0')}`)
    for (const [at, id] of ids.entries()) this.accepted.set(id, runs[at] as NewRun)
    if (key) this.keys.set(key.hash, { bodyHash: key.bodyHash, runs: ids, answer: key.answer })
    await this.disk
    return { ok: true, runs: ids, isReplay: false, answer: null }
  }

  async replay({ hash, bodyHash }: KeyUse): Promise<Accepted | undefined> {
    const kept = this.keys.get(hash)
    if (!kept) return undefined
    if (kept.bodyHash !== bodyHash) return { ok: false, error: MISMATCH }
    return { ok: true, runs: kept.runs, isReplay: true, answer: kept.answer }
  }

  async outcome(id: string, ms: number, signal: AbortSignal): Promise<Settlement | undefined> {
    if (ms > 0) this.waitedMs.push(ms)
    if (this.#ends.has(id) || ms === 0 || signal.aborted) return this.#ends.get(id)
    const { promise, resolve } = Promise.withResolvers<void>()
    const waits = this.#waits.get(id) ?? new Set()
    this.#waits.set(id, waits.add(resolve))
    signal.addEventListener('abort', () => resolve())
    this.#timeouts.push(resolve)
    this.#wake()
    await promise
    waits.delete(resolve)
    return this.#ends.get(id)
  }

  noteAnswer({ hash }: KeyUse, answer: 'accepted'): void {
    const kept = this.keys.get(hash)
    if (kept) kept.answer = answer
  }

  async find(id: string): Promise<{ status: 'running' | 'completed' } | undefined> {
    if (!this.accepted.has(id)) return undefined
    return { status: this.#ends.has(id) ? 'completed' : 'running' }
  }

  /** The run has ended and is not kept any more. */
  forget(id: string): void {
    this.accepted.delete(id)
    this.#ends.delete(id)
  }

  check(target: FunctionTarget, input: object): readonly FieldError[] {
    this.checked.push({ target, input })
    return this.wrong
  }

  judgeTarget({ url, headers }: Parameters<WebhookTargetPort['judgeTarget']>[0]): TargetVerdict {
    if (url.includes('forbidden'))
      return { ok: false, pointer: '/url', detail: 'the webhook may not go there' }
    const wrong = Object.keys(headers).find((name) => name === 'host')
    return wrong ? { ok: false, pointer: `/headers/${wrong}`, detail: 'is ours' } : { ok: true }
  }

  /** The run is final and on disk. */
  end(id: string, settlement: Settlement): void {
    this.#ends.set(id, settlement)
    for (const wake of this.#waits.get(id) ?? []) wake()
  }

  /** Whoever waits has waited long enough. */
  passTime(): void {
    for (const give of this.#timeouts.splice(0)) give()
  }

  readonly #watchers: (() => void)[] = []

  /** Resolves when so many waits have begun. */
  async untilWaiting(count: number): Promise<void> {
    while (this.waitedMs.length < count) await new Promise<void>((resolve) => this.#watchers.push(resolve))
  }

  #wake(): void {
    for (const wake of this.#watchers.splice(0)) wake()
  }
}

const MISMATCH: TaskError = { code: 'IDEMPOTENCY_MISMATCH', detail: 'another body' }
