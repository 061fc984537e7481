/** Runs for trying and measuring the store in the large: mostly plain ones, some with metadata, sessions, errors, schedules. */
import type { StoreWrite } from '../../ports/store.ts'
import type { LiveRun, StoredPayload } from '../../ports/stored-run.ts'
import { makeEnd, makeLiveRun } from '../../runs/testing/run-rows.ts'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const FIRST_MS = Date.parse('2026-11-01T00:00:00Z')
const FUNCTIONS = 12
/** Functions of the ten groups, and the rare one. */
export const LANES = FUNCTIONS + 1

export const payload: StoredPayload = {
  mediaType: '',
  bytes: Buffer.from('{"name":"Ada","numbers":[1,2,3]}'),
  head: null,
}
const result = { mediaType: '', bytes: Buffer.from('{"message":"Hello, Ada!"}') }

export function idAt(seq: number): { readonly id: string; readonly acceptedMs: number } {
  const acceptedMs = FIRST_MS + Math.floor(seq / 10)
  return { id: `r_${base32(acceptedMs, 10)}0001k3v9x2${base32(seq, 6)}`, acceptedMs }
}

function base32(value: number, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32))
    text = `${ALPHABET[rest % 32]}${text}`
  return text
}

/** Every tenth has metadata, every hundredth a session, one in ten thousand is of the rare function. */
export function acceptedRun(seq: number, status: LiveRun['status']): StoreWrite {
  const isRare = seq % 10_000 === 7
  const { id, acceptedMs } = idAt(seq)
  const run = makeLiveRun({
    seq,
    id,
    group: isRare ? 'group-0' : `group-${seq % 3}`,
    function: isRare ? 'rare' : `function-${seq % FUNCTIONS}`,
    acceptedMs,
    session: seq % 100 === 0 ? `session-${(seq / 100) % 50}` : null,
    schedule: seq % 1_000 === 1 ? 'schedule-1' : null,
    metadata: seq % 10 === 1 ? { customer: `order${seq}` } : {},
    trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    status,
  })
  return { kind: 'runs-accepted', runs: [{ run, payload }], key: null }
}

/** One in fifty fails. */
export function endOf(seq: number): StoreWrite {
  const finishedMs = idAt(seq).acceptedMs + 12
  const hasFailed = seq % 50 === 3
  const error = { code: 'FUNCTION_FAILED', detail: `The printer ${seq} is unreachable` } as const
  return {
    kind: 'run-finished',
    seq,
    fence: null,
    end: makeEnd({
      status: hasFailed ? 'failed' : 'completed',
      finishedMs,
      startedMs: finishedMs - 5,
      queueMs: 6.5,
      runMs: 5.25,
      worker: seq % 20_000 === 9 ? 'worker-rare' : `worker-${seq % 20}`,
      error: hasFailed ? error : null,
      result: hasFailed ? null : result,
    }),
    events: [],
    delivery: null,
    keyExpiresMs: null,
  }
}
