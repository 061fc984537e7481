/**
 * Maintenance of a worker of another make: an operator's or the file's order becomes `POST /off` or `POST /on`. Owned by
 * foreign-link.ts.
 * Invariant: what the worker decided by itself is ended by an operator's `on` alone.
 */
import type { MaintenanceOrder, WorkerStatus } from '@berth/protocol'
import type { ForeignAccess } from './foreign-health.ts'

export class ForeignMaintenance {
  readonly #access: ForeignAccess
  /** It is off because of an order that was passed. */
  #isOffByOrder = false
  #passing = 0

  constructor(access: ForeignAccess) {
    this.#access = access
  }

  /** An order is on its way: what the worker says now may be from before it. */
  get isPassing(): boolean {
    return this.#passing > 0
  }

  /** Resolves with what went wrong. */
  async pass(
    { on, by }: Pick<MaintenanceOrder, 'on' | 'by'>,
    status: WorkerStatus,
  ): Promise<string | undefined> {
    const isOff = status === 'maintenance'
    const mayEnd = this.#isOffByOrder || by === 'operator'
    if (on ? isOff && this.#isOffByOrder : !mayEnd) return undefined
    this.#isOffByOrder = on
    return this.#post(on ? 'off' : 'on')
  }

  async #post(what: 'on' | 'off'): Promise<string | undefined> {
    const { url, fleetKey, workerKey, timeoutMs } = this.#access
    this.#passing++
    try {
      const answer = await fetch(`${url}/${what}`, {
        method: 'POST',
        headers: { 'x-lb-auth': fleetKey, authorization: workerKey, 'content-type': 'application/json' },
        body: '{}',
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      })
      await answer.body?.cancel()
      return answer.ok ? undefined : `its POST /${what} answered ${answer.status}`
    } catch {
      return `its POST /${what} had no answer`
    } finally {
      this.#passing--
    }
  }
}
