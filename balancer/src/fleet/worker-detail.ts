/**
 * A worker for one who looks at it alone (`GET /workers/{id}`): its view, its line, what it serves. Pure but for
 * the hashes of functions, which are made once a function and kept as long as its interface.
 */
import { createHash } from 'node:crypto'
import {
  canonicalJson,
  type FunctionInterface,
  type ServedInterfaceView,
  type WorkerDetail,
  type WorkerView,
} from '@berth/protocol'
import type { LinkRecord } from './link-record.ts'
import type { Picture } from './picture.ts'

export function detailOf(picture: Picture, view: WorkerView, record: LinkRecord): WorkerDetail {
  return {
    ...view,
    link: record.view(picture.latencyMs),
    interface: interfaceOf(picture),
    operatorTags: picture.entry.tags,
  }
}

function interfaceOf({ known, report, remembered }: Picture): ServedInterfaceView | null {
  if (!known) return null
  const contract = (report ?? remembered)?.contract ?? null
  return { hash: known.hash, contract, functions: known.functions.map(describe) }
}

function describe(declared: FunctionInterface): ServedInterfaceView['functions'][number] {
  const { name, slots, timeoutMs, supportsStreaming, idempotent, background, keepWarm = false } = declared
  return {
    name,
    hash: hashOf(declared),
    slots,
    timeout: timeoutMs,
    supportsStreaming,
    idempotent,
    background,
    keepWarm,
  }
}

const hashes = new WeakMap<FunctionInterface, string>()

function hashOf(declared: FunctionInterface): string {
  const known = hashes.get(declared)
  if (known !== undefined) return known
  const hash = createHash('sha256').update(canonicalJson(declared)).digest('hex')
  hashes.set(declared, hash)
  return hash
}
