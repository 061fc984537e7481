/**
 * A message of a webhook on disk, and the tries of it. Written by `runs/webhooks/`, rows of `store/`.
 * Invariant: what is `pending` has an instant at which it is tried next. Instants are Unix milliseconds.
 */

export type DeliveryState = 'pending' | 'delivered' | 'failed' | 'refused' | 'disabled'

/** One message to one URL: keeps its id over all tries, and so does whoever receives it. */
export interface StoredDelivery {
  /** `d_` and 26 base32 characters; sorts by time. Sent as `webhook-id`. */
  readonly id: string
  readonly seq: number
  readonly run: string
  readonly type: 'task.completed' | 'task.failed' | 'task.cancelled' | 'task.expired'
  readonly url: string
  /** The origin of `url`; what goes to one receiver shares its bounds. */
  readonly receiver: string
  readonly createdMs: number
  readonly state: DeliveryState
  /** In all: what a run shows as `webhook.deliveries`. */
  readonly tries: number
  /** Those that failed since it was made, or was last asked for again: where on the ladder it stands. */
  readonly failures: number
  /** When it is tried next; null when it is not. */
  readonly nextMs: number | null
  /** Of the last try. */
  readonly lastStatus: number | null
  readonly lastError: string | null
}

export interface StoredTry {
  readonly n: number
  readonly atMs: number
  readonly durationMs: number
  readonly status: number | null
  readonly error: string | null
}
