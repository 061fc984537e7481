/**
 * workers.json by HTTP (CONTRACT §4, Fleet): the file itself, dry runs, its history. What happens lives behind
 * ports/workers-config.ts. Invariant: changes are made one after another, and nothing is changed by a request that
 * does not say what it has seen.
 */
import { LIMITS, type TaskError } from '@berth/protocol'
import { z } from 'zod'
import type {
  ChangeAuthor,
  ConfigApplied,
  ConfigCondition,
  ConfigResult,
  WorkersConfigPort,
} from '../ports/workers-config.ts'
import { note, reasonOf } from './activity.ts'
import { type BodyRead, readJsonBody, readTextBody } from './body.ts'
import { cutPage, readQuery } from './lists.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { reasonText } from './reason.ts'
import { nameOf, type Route, type RouteContext } from './routes.ts'
import { LINE_FULL, Turns } from './turns.ts'

export interface ConfigRouteDeps {
  readonly workersConfig: WorkersConfigPort
}

const PATH = '/config/workers'
const rollbackSchema = z.strictObject({ version: z.int().min(1), reason: reasonText(500).optional() })

export function configRoutes({ workersConfig: config }: ConfigRouteDeps): readonly Route[] {
  const turns = new Turns()
  const inTurn = async (work: () => Promise<Response>) => (await turns.take(work)) ?? problem(LINE_FULL)
  const routes: readonly Route[] = [
    { method: 'GET', path: '', policy: 'read', handle: plain((c) => show(c, config)) },
    { method: 'PUT', path: '', policy: 'key', handle: plain((c) => replace(c, config, inTurn)) },
    { method: 'GET', path: '/state', policy: 'read', handle: plain((c) => showState(c, config)) },
    { method: 'POST', path: '/dry-run', policy: 'read', handle: (c) => preview(c, config) },
    { method: 'GET', path: '/history', policy: 'read', handle: (c) => listVersions(c, config) },
    {
      method: 'GET',
      path: '/history/:version',
      policy: 'read',
      handle: plain((c) => showVersion(c, config)),
    },
    { method: 'POST', path: '/rollback', policy: 'key', handle: plain((c) => rollBack(c, config, inTurn)) },
  ]
  return routes.map((route) => ({ ...route, path: `${PATH}${route.path}` }))
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
  return inTurn(async () => {
    const written = await config.write(body.value, condition.value, authorOf(c))
    if (written.ok) noteApplied(c, written.value)
    return answer(c, written)
  })
}

async function preview(c: RouteContext, config: WorkersConfigPort): Promise<Response> {
  const query = readQuery(c.req.url, ['version'])
  if (!query.ok) return problem(query.error)
  const body = await readTextBody(c.req.raw, LIMITS.workersFileBytes)
  if (!body.ok) return problem(body.error)
  const { version } = query.value
  if (version === undefined) return answer(c, await config.preview({ text: body.value }))
  if (body.value !== '') return problem(refuse('Send either a list or `version`, not both.'))
  const number = Number(version)
  if (!/^\d+$/.test(version) || !Number.isSafeInteger(number) || number < 1)
    return problem(
      refuse('`version` must be a whole number from 1 on; GET /config/workers/history lists them.'),
    )
  return answer(c, await config.preview({ version: number }))
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
  return inTurn(async () => {
    const written = await config.rollBack(version, condition.value, author)
    if (written.ok) noteApplied(c, written.value, reason, version)
    return answer(c, written)
  })
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
  return { by: nameOf(c.get('access')), reason: reason ?? reasonOf(c) }
}

/** For the activity log; nothing is said of a change that changed nothing. */
function noteApplied(c: RouteContext, applied: ConfigApplied, reason?: string, version?: number): void {
  if (!applied.isApplied) return
  const { added, removed, changed } = applied
  const counts = `${added.length} added, ${removed.length} removed, ${changed.length} changed`
  const verb = version === undefined ? 'change' : 'rollback'
  const what = version === undefined ? 'changed' : `rolled back to version ${version}`
  const after = { version: applied.version, workers: applied.workers, added, removed, changed }
  const target = { kind: 'config', id: 'workers.json' } as const
  note(c, { action: `config.${verb}`, target, summary: `workers.json ${what}: ${counts}.`, after, reason })
}

function refuse(detail: string): TaskError {
  return { code: 'INVALID_REQUEST', detail }
}
