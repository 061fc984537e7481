/**
 * workers.json by HTTP (CONTRACT §4, Fleet): the file itself, dry runs, its history. What happens lives behind
 * ports/workers-config.ts. Invariant: changes are made one after another, and nothing is changed by a request that
 * does not say what it has seen.
 */
import type { TaskError } from '@berth/protocol'
import { LIMITS } from '@berth/protocol'
import { z } from 'zod'
import type {
  ChangeAuthor,
  ConfigApplied,
  ConfigCondition,
  ConfigResult,
  WorkersConfigPort,
} from '../ports/workers-config.ts'
import { type BodyRead, readJsonBody, readTextBody } from './body.ts'
import { cutPage, readQuery } from './lists.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { nameOf, type Route, type RouteContext } from './routes.ts'
import { LINE_FULL, Turns } from './turns.ts'

export interface ConfigRouteDeps {
  readonly workersConfig: WorkersConfigPort
}

const PATH = '/config/workers'
const rollbackSchema = z.strictObject({ version: z.int().min(1), reason: z.string().max(500).optional() })

export function configRoutes({ workersConfig: config }: ConfigRouteDeps): readonly Route[] {
  const turns = new Turns()
  const inTurn = async (work: () => Promise<Response>) => (await turns.take(work)) ?? problem(LINE_FULL)
  return [
    { method: 'GET', path: PATH, policy: 'read', handle: plain((c) => show(c, config)) },
    { method: 'PUT', path: PATH, policy: 'key', handle: plain((c) => replace(c, config, inTurn)) },
    { method: 'GET', path: `${PATH}/state`, policy: 'read', handle: plain((c) => showState(c, config)) },
    { method: 'POST', path: `${PATH}/dry-run`, policy: 'read', handle: (c) => preview(c, config) },
    { method: 'GET', path: `${PATH}/history`, policy: 'read', handle: (c) => listVersions(c, config) },
    {
      method: 'GET',
      path: `${PATH}/history/:version`,
      policy: 'read',
      handle: plain((c) => showVersion(c, config)),
    },
    {
      method: 'POST',
      path: `${PATH}/rollback`,
      policy: 'key',
      handle: plain((c) => rollBack(c, config, inTurn)),
    },
  ]
}

type InTurn = (work: () => Promise<Response>) => Promise<Response>

async function show(c: RouteContext, config: WorkersConfigPort): Promise<Response> {
  const read = await config.read()
  if (!read.ok) return problem(read.error)
  const { text, etag } = read.value
  if (
    c.req
      .header('if-none-match')
      ?.split(',')
      .some((tag) => tag.trim() === etag)
  )
    return new Response(null, { status: 304, headers: { etag } })
  return new Response(text, { headers: { ...JSON_TEXT, etag } })
}

async function showState(c: RouteContext, config: WorkersConfigPort): Promise<Response> {
  return c.json(await config.state(), 200, NO_STORE)
}

async function replace(c: RouteContext, config: WorkersConfigPort, inTurn: InTurn): Promise<Response> {
  const condition = readCondition(c)
  if (!condition.ok) return problem(condition.error)
  const body = await readTextBody(c.req.raw, LIMITS.workersFileBytes)
  if (!body.ok) return problem(body.error)
  return inTurn(async () => answer(c, await config.write(body.value, condition.value, authorOf(c))))
}

async function preview(c: RouteContext, config: WorkersConfigPort): Promise<Response> {
  const query = readQuery(c.req.url, ['version'])
  if (!query.ok) return problem(query.error)
  const body = await readTextBody(c.req.raw, LIMITS.workersFileBytes)
  if (!body.ok) return problem(body.error)
  const { version } = query.value
  if (version === undefined) return answer(c, await config.preview({ text: body.value }))
  if (body.value !== '') return problem(refuse('Send either a list or `version`, not both.'))
  return answer(c, await config.preview({ version: Number(version) }))
}

function listVersions(c: RouteContext, config: WorkersConfigPort): Response {
  const query = readQuery(c.req.url, ['cursor', 'limit'])
  if (!query.ok) return problem(query.error)
  const page = cutPage(config.versions(), query.value, ({ version }) => String(version))
  return page.ok ? c.json(page.value, 200, NO_STORE) : problem(page.error)
}

async function showVersion(c: RouteContext, config: WorkersConfigPort): Promise<Response> {
  const version = Number(c.req.param('version'))
  const found = config.versions().find((kept) => kept.version === version)
  const text = found && (await config.textOf(version))
  if (text !== undefined) return c.json({ ...found, text }, 200, NO_STORE)
  const detail = 'There is no such version. GET /config/workers/history lists those that are kept.'
  return problem({ code: 'NOT_FOUND', detail })
}

async function rollBack(c: RouteContext, config: WorkersConfigPort, inTurn: InTurn): Promise<Response> {
  const condition = readCondition(c)
  if (!condition.ok) return problem(condition.error)
  const read = await readJsonBody(c.req.raw, rollbackSchema)
  if (!read.ok) return problem(read.error)
  const { version, reason } = read.value
  const author = authorOf(c, reason)
  return inTurn(async () => answer(c, await config.rollBack(version, condition.value, author)))
}

const NO_STORE = { 'cache-control': 'no-store' }
const JSON_TEXT = { ...NO_STORE, 'content-type': 'application/json; charset=utf-8' }

function answer<T extends object>(c: RouteContext, result: ConfigResult<T>): Response {
  if (!result.ok)
    return problem(result.error, { headers: result.etag === undefined ? {} : { etag: result.etag } })
  const applied: Partial<ConfigApplied> = result.value
  return c.json(result.value, 200, {
    ...NO_STORE,
    ...(applied.etag === undefined ? {} : { etag: applied.etag }),
  })
}

function readCondition(c: RouteContext): BodyRead<ConfigCondition> {
  const ifMatch = c.req.header('if-match')
  const ifNoneMatch = c.req.header('if-none-match')
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*')
    return { ok: false, error: refuse('`If-None-Match` must be `*` here.') }
  return { ok: true, value: { ifMatch, ifNoneMatch } }
}

function authorOf(c: RouteContext, reason?: string): ChangeAuthor {
  return { by: nameOf(c.get('access')), reason: reason ?? reasonOf(c) ?? null }
}

function reasonOf(c: RouteContext): string | undefined {
  try {
    return decodeURIComponent(c.req.header('x-reason') ?? '').slice(0, 500) || undefined
  } catch {
    return undefined
  }
}

function refuse(detail: string): TaskError {
  return { code: 'INVALID_REQUEST', detail }
}
