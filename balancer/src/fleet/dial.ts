/**
 * Opens the socket to a worker: one attempt, one verdict, never longer than its time. `refused` is
 * worth a kind of its own: a port that refuses tells that the worker's process is gone, which a
 * timeout does not. Called by a member; an open socket is handed over paused, so that a hello that
 * came together with the upgrade's answer is not lost before somebody listens.
 */
import { LIMITS, PROTOCOL } from '@berth/protocol'
import { dialWire, type WireDialled, type WireSocket } from '@berth/runtime'
import { askHealth, type ForeignAccess, type ForeignHealth } from './foreign/foreign-health.ts'

export interface DialOptions {
  /** The worker's base URL, http or https. */
  readonly url: string
  readonly fleetKey: string
  readonly workerKey: string
  /** For everything from the name's resolution to the answer of the upgrade. */
  readonly timeoutMs: number
}

export type Opened =
  | { readonly kind: 'open'; readonly socket: WireSocket }
  /** A worker of another make, which is reached over HTTP. */
  | { readonly kind: 'foreign'; readonly access: ForeignAccess; readonly health: ForeignHealth }

export type Dialled = Opened | { readonly kind: 'refused' | 'failed'; readonly reason: string }

/** How long a peer may take to agree to a close before its socket is destroyed. */
const CLOSE_WAIT_MS = 5_000
/** What a header can carry; anything else would make the request throw. */
const HEADER_PATTERN = /^[\t\x20-\x7e\x80-\xff]*$/

/** What Node says of a certificate that it does not take. */
const CERTIFICATE_FAULT = /CERT|SIGNATURE|SELF_SIGNED|UNABLE_TO_GET_ISSUER/

const NO_WORKER = 'what listens there is no Berth worker'

const TERMS = {
  limits: { textBytes: LIMITS.textBytes, binaryBytes: LIMITS.frameBytes },
  closeWaitMs: CLOSE_WAIT_MS,
}

/** Never rejects. */
export async function dial(options: DialOptions): Promise<Dialled> {
  const { url, fleetKey, workerKey, timeoutMs } = options
  const wrongKey = findUnsendable({ fleetKey, workerKey })
  if (wrongKey !== undefined) return { kind: 'failed', reason: wrongKey }
  const headers = { 'x-lb-auth': fleetKey, authorization: workerKey }
  const dialled = await dialWire({
    url: new URL(`${url}/link`),
    protocol: PROTOCOL,
    headers,
    timeoutMs,
    terms: TERMS,
  })
  if (dialled.kind === 'open') return { kind: 'open', socket: dialled.wire }
  if (dialled.kind !== 'answered' && dialled.kind !== 'foreign') return verdictOf(dialled)
  return askForeign(options, verdictOf(dialled))
}

/** What answers and knows no link may be a worker of another make. */
async function askForeign(access: DialOptions, verdict: Dialled): Promise<Dialled> {
  const answer = await askHealth(access)
  if (answer.kind === 'foreign') return { kind: 'foreign', access, health: answer.health }
  return answer.kind === 'failed' && answer.isSlowOrLong ? { kind: 'failed', reason: answer.reason } : verdict
}

function verdictOf(dialled: Exclude<WireDialled, { kind: 'open' }>): Dialled {
  switch (dialled.kind) {
    case 'failed':
      return verdictOfError(dialled.error)
    case 'answered':
      return { kind: 'failed', reason: refusalOf(dialled.status) }
    case 'late':
      return { kind: 'failed', reason: 'no answer in time' }
    case 'foreign':
      return { kind: 'failed', reason: `${NO_WORKER} (${LACKS[dialled.lacks]})` }
  }
}

const LACKS = { WebSocket: 'it does not speak WebSocket', protocol: `it does not speak ${PROTOCOL}` }

function findUnsendable(keys: Readonly<Record<'fleetKey' | 'workerKey', string>>): string | undefined {
  if (!HEADER_PATTERN.test(keys.fleetKey)) return 'FLEET_KEY holds characters that no header can carry'
  if (!HEADER_PATTERN.test(keys.workerKey))
    return 'the key of this entry (or WORKER_AUTH_KEY) holds characters that no header can carry'
  return undefined
}

function refusalOf(status: number): string {
  if (status === 401 || status === 403)
    return 'the worker refuses our keys: its LB_AUTH_KEY must equal FLEET_KEY here, its AUTH_KEY WORKER_AUTH_KEY'
  if (status === 404) return `${NO_WORKER} (no /link)`
  return `the worker answered ${status} to the link`
}

function verdictOfError(error: NodeJS.ErrnoException): Dialled {
  const codes = codesOf(error)
  if (codes.length > 0 && codes.every((code) => code === 'ECONNREFUSED'))
    return { kind: 'refused', reason: 'nothing listens at this address' }
  return { kind: 'failed', reason: reasonOf(error, codes[0]) }
}

/** A name with several addresses fails with one error that holds an error each. */
function codesOf(error: NodeJS.ErrnoException): (string | undefined)[] {
  if (error instanceof AggregateError) return error.errors.map((each: NodeJS.ErrnoException) => each.code)
  return [error.code]
}

function reasonOf(error: Error, code: string | undefined): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host name cannot be resolved'
  if (code !== undefined && CERTIFICATE_FAULT.test(code))
    return `the worker's certificate is not accepted (${code}): give it one for this host, by an authority known here`
  return code ? `the connection failed (${code})` : error.message.slice(0, 200)
}
