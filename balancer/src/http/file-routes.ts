/**
 * Files of runs by HTTP (CONTRACT §4, Runs): which a run has, and their bytes, whole or a range of them. Everything is
 * asked of ports/files.ts, piece by piece, as fast as the client reads.
 * Invariants: what a handler wrote is never shown in our origin (attachment, nosniff, sandbox); a file that is open is
 * closed whatever becomes of its reader.
 */
import type { TaskError } from '@berth/protocol'
import type { FileBytes, OpenedFile, RunFilesPort } from '../ports/files.ts'
import { fileAddress } from '../ports/shown-files.ts'
import { type ByteRange, readRange } from './byte-range.ts'
import { requestOrigin } from './file-address.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'
import { unknownRun } from './run-routes.ts'

export interface FileRouteDeps {
  readonly files: RunFilesPort
  /** A client that takes nothing for so long is cut; 30 s unless given. */
  readonly stallMs?: number
}

const STALL_MS = 30_000
const PIECE_BYTES = 128 * 1024
const SAFE_TYPE = /^[\x20-\x7e]+$/

export function fileRoutes(deps: FileRouteDeps): readonly Route[] {
  return [
    { method: 'GET', path: '/runs/:id/files', policy: 'read', handle: plain((c) => listFiles(c, deps)) },
    { method: 'GET', path: '/runs/:id/files/*', policy: 'read', handle: plain((c) => sendFile(c, deps)) },
  ]
}

async function listFiles(c: RouteContext, { files }: FileRouteDeps): Promise<Response> {
  const id = c.req.param('id') ?? ''
  const found = await files.list(id)
  if (found === undefined) return problem(unknownRun(id))
  const origin = requestOrigin(c)
  const items = found.map((file) => ({ ...file, url: `${origin}${fileAddress(id, file.path)}` }))
  return c.json({ items, cursor: null })
}

async function sendFile(c: RouteContext, { files, stallMs }: FileRouteDeps): Promise<Response> {
  const id = c.req.param('id') ?? ''
  const path = pathOf(c.req.url)
  const opened = path === undefined ? undefined : await files.open(id, path)
  if (opened === undefined) return problem(unknownFile(id))
  return 'code' in opened ? problem(opened) : answerFile(c, opened, stallMs)
}

/** What the request wants of an open file, which is closed in any case. */
export async function answerFile(
  c: RouteContext,
  opened: OpenedFile,
  stallMs: number = STALL_MS,
): Promise<Response> {
  let isRead = false
  try {
    const { part, ...init } = answerOf(c, opened)
    if (part === undefined || c.req.method === 'HEAD') return new Response(null, init)
    const answer = new Response(bodyOf(opened.bytes, part, stallMs), init)
    isRead = true
    return answer
  } finally {
    if (!isRead) await opened.bytes.close()
  }
}

interface Part {
  readonly from: number
  /** Behind its last byte. */
  readonly end: number
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly part: Part | undefined
}

function answerOf(c: RouteContext, { path, mediaType, sha256, bytes }: OpenedFile): Answer {
  const { size } = bytes
  const etag = `"${sha256}"`
  const headers: Record<string, string> = {
    etag,
    'accept-ranges': 'bytes',
    'content-type': SAFE_TYPE.test(mediaType) ? mediaType : 'application/octet-stream',
    'content-disposition': dispositionOf(path),
    'content-security-policy': "sandbox; default-src 'none'",
  }
  if (isNamed(c.req.header('if-none-match'), etag)) return { status: 304, headers, part: undefined }
  const range = rangeOf(c, etag, size)
  if (range.kind === 'beyond')
    return { status: 416, headers: { 'content-range': `bytes */${size}` }, part: undefined }
  if (range.kind === 'whole')
    return {
      status: 200,
      headers: { ...headers, 'content-length': String(size) },
      part: { from: 0, end: size },
    }
  const { from, to } = range
  const length = { 'content-length': String(to - from + 1), 'content-range': `bytes ${from}-${to}/${size}` }
  return { status: 206, headers: { ...headers, ...length }, part: { from, end: to + 1 } }
}

/** With `If-Range` only of the very file that is meant. */
function rangeOf(c: RouteContext, etag: string, size: number): ByteRange {
  const condition = c.req.header('if-range')
  if (condition !== undefined && condition.trim() !== etag) return { kind: 'whole' }
  return readRange(c.req.header('range'), size)
}

function isNamed(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const names = header.split(',').map((name) => name.trim().replace(/^W\//, ''))
  return names.includes('*') || names.includes(etag)
}

/** The last part of the path, for whoever saves it; its characters as RFC 8187 has them. */
function dispositionOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const plainName = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plainName}"; filename*=UTF-8''${encoded}`
}

function bodyOf(bytes: FileBytes, { from, end }: Part, stallMs: number): ReadableStream<Uint8Array> {
  let at = from
  let stalled: NodeJS.Timeout | undefined
  const close = () => {
    clearTimeout(stalled)
    return bytes.close()
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled)
        try {
          const piece = at < end ? await bytes.read(at, Math.min(PIECE_BYTES, end - at)) : undefined
          if (piece && piece.length === 0) throw new Error('a file of a run is shorter than it was')
          at += piece?.length ?? 0
          if (piece) controller.enqueue(new Uint8Array(piece))
          if (at < end) {
            stalled = setTimeout(() => {
              controller.error(new Error('the client takes nothing'))
              void close()
            }, stallMs)
            return
          }
          await close()
          controller.close()
        } catch (error) {
          await close()
          controller.error(error)
        }
      },
      cancel: close,
    },
    { highWaterMark: 1 },
  )
}

/** What stands behind `/files/`, each part read once; undefined for what is no text. */
export function pathOf(url: string): string | undefined {
  const { pathname } = new URL(url)
  const at = pathname.indexOf('/files/')
  try {
    return pathname
      .slice(at + '/files/'.length)
      .split('/')
      .map(decodeURIComponent)
      .join('/')
      .normalize('NFC')
  } catch {
    return undefined
  }
}

function unknownFile(id: string): TaskError {
  return {
    code: 'NOT_FOUND',
    detail: `The run "${id.slice(0, 64)}" has no such file, or is not known. GET /runs/${id.slice(0, 64)}/files lists what it has; what an attempt writes shows once the run has ended.`,
  }
}
