/**
 * Saved pages of functions by HTTP: `GET /forms`, `GET/PUT/DELETE /forms/{name}` (docs/contract-additions.md). What is
 * saved lives in forms.ts. Invariant: nothing is replaced that its author has not seen.
 */
import { FORM_BYTES, invokeFormSchema, nameSchema, type TaskError } from '@berth/protocol'
import { note } from './activity.ts'
import { type BodyRead, readJsonBody } from './body.ts'
import { type Forms, type Seen, unknownForm } from './forms.ts'
import { cutPage, readQuery } from './lists.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { nameOf, type Route, type RouteContext } from './routes.ts'

const PATH = '/forms/:name'
const MAX_TAGS = 16
const TAG = /^(?:W\/)?"([!\x23-\x7e]{1,64})"$/

export function formRoutes({ forms }: { readonly forms: Forms }): readonly Route[] {
  return [
    { method: 'GET', path: '/forms', policy: 'read', handle: (c) => list(c, forms) },
    { method: 'GET', path: PATH, policy: 'read', handle: plain((c) => show(c, forms)) },
    { method: 'PUT', path: PATH, policy: 'key', handle: plain((c) => save(c, forms)) },
    { method: 'DELETE', path: PATH, policy: 'key', handle: plain((c) => remove(c, forms)) },
  ]
}

function list(c: RouteContext, forms: Forms): Response {
  const query = readQuery(c.req.url, ['group', 'function', 'cursor', 'limit'])
  if (!query.ok) return problem(query.error)
  const { group, function: name } = query.value
  const page = cutPage(
    forms.list(),
    query.value,
    (item) => item.name,
    ({ functions }) =>
      (group === undefined && name === undefined) ||
      functions.some((own) => (group ?? own.group) === own.group && (name ?? own.function) === own.function),
  )
  return page.ok ? c.json(page.value) : problem(page.error)
}

function show(c: RouteContext, forms: Forms): Response {
  const name = c.req.param('name') ?? ''
  const found = forms.find(name)
  return found ? c.json(found, 200, { etag: `"${found.revision}"` }) : problem(unknownForm(name))
}

async function save(c: RouteContext, forms: Forms): Promise<Response> {
  const name = c.req.param('name') ?? ''
  if (!nameSchema.safeParse(name).success) return problem(wrongName(name))
  const seen = readSeen(c)
  if (!seen.ok) return problem(seen.error)
  const read = await readJsonBody(c.req.raw, invokeFormSchema, FORM_BYTES)
  if (!read.ok) return problem(read.error)
  const saved = await forms.save(name, read.value, seen.value, nameOf(c.get('access')))
  if (!saved.ok) return problem(saved.error)
  const { view, before } = saved
  const target = { kind: 'form', id: name } as const
  note(c, { action: before ? 'form.changed' : 'form.created', target, summary: `Saved the form "${name}".` })
  return c.json(view, before ? 200 : 201, { etag: `"${view.revision}"` })
}

async function remove(c: RouteContext, forms: Forms): Promise<Response> {
  const seen = readSeen(c)
  if (!seen.ok) return problem(seen.error)
  const name = c.req.param('name') ?? ''
  const removed = await forms.remove(name, seen.value)
  if (!removed.ok) return problem(removed.error)
  note(c, {
    action: 'form.deleted',
    target: { kind: 'form', id: name },
    summary: `Deleted the form "${name}".`,
  })
  return new Response(null, { status: 204 })
}

function readSeen(c: RouteContext): BodyRead<Seen> {
  const none = c.req.header('if-none-match')
  if (none !== undefined && none.trim() !== '*') return refuse('`If-None-Match` must be `*` here.')
  const match = c.req.header('if-match')?.trim()
  if (match === undefined || match === '*')
    return { ok: true, value: { match: match ?? null, isNew: none !== undefined } }
  const tags = match.split(',', MAX_TAGS + 1).map((tag) => TAG.exec(tag.trim())?.[1])
  if (tags.length > MAX_TAGS || tags.includes(undefined))
    return refuse('`If-Match` must be `*` or an ETag that GET has given, in quotes.')
  return { ok: true, value: { match: tags as string[], isNew: none !== undefined } }
}

function refuse(detail: string): { readonly ok: false; readonly error: TaskError } {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail } }
}

function wrongName(name: string): TaskError {
  const detail = `"${name.slice(0, 64)}" is no name for a form: use letters, digits, \`.\`, \`_\` and \`-\`, at most 128.`
  return { code: 'INVALID_REQUEST', detail }
}
