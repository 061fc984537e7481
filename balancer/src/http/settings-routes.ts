/**
 * An operator's limits by HTTP (CONTRACT §4, Operating): shows and changes what is set for a function or
 * a group. What is set lives in settings.ts; the fleet says which names there are.
 */
import type { TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { FleetPort } from '../ports/fleet.ts'
import { note, reasonOf } from './activity.ts'
import { readQuery } from './lists.ts'
import { problem } from './problem.ts'
import { nameOf, type Route, type RouteContext } from './routes.ts'
import type { Settings, SettingsView } from './settings.ts'
import { readSettings, type SettingsPatch } from './settings-body.ts'
import type { SettingsTarget } from './settings-merge.ts'

export interface SettingsRouteDeps {
  readonly fleet: FleetPort
  readonly settings: Settings
  readonly clock: Clock
}

const FUNCTION_PATH = '/functions/:group/:name'
const GROUP_PATH = '/groups/:group'

export function settingsRoutes(deps: SettingsRouteDeps): readonly Route[] {
  return [FUNCTION_PATH, GROUP_PATH].flatMap((path): Route[] => [
    { method: 'GET', path, policy: 'read', handle: (c) => show(c, deps) },
    { method: 'PATCH', path, policy: 'key', handle: (c) => change(c, deps) },
  ])
}

function show(c: RouteContext, deps: SettingsRouteDeps): Response {
  const query = readQuery(c.req.url, [])
  if (!query.ok) return problem(query.error)
  const target = targetOf(c)
  const unknown = findUnknown(target, deps)
  return unknown ? problem(unknown) : answer(c, target, deps.settings.view(target))
}

async function change(c: RouteContext, deps: SettingsRouteDeps): Promise<Response> {
  const query = readQuery(c.req.url, [])
  if (!query.ok) return problem(query.error)
  const target = targetOf(c)
  const unknown = findUnknown(target, deps)
  if (unknown) return problem(unknown)
  const read = await readSettings(c.req.raw, deps.clock.wallMs(), reasonOf(c))
  if (!read.ok) return problem(read.error)
  const unserved = findUnserved(target, read.value, deps.fleet)
  if (unserved) return problem(unserved)
  const before = deps.settings.view(target)
  const changed = await deps.settings.change(target, read.value, nameOf(c.get('access')))
  if (!changed.ok) return problem(changed.error)
  noteSettings(c, target, read.value, [before, changed.view])
  return answer(c, target, changed.view)
}

/** A pause and its end are named apart: they are what operators look for. */
function noteSettings(
  c: RouteContext,
  { group, function: name }: SettingsTarget,
  { paused }: SettingsPatch,
  [before, after]: readonly [SettingsView, SettingsView],
): void {
  const what = name === null ? `group "${group}"` : `"${name}" (group "${group}")`
  const kind = name === null ? 'group' : 'function'
  const target = { kind, id: name === null ? group : `${group}/${name}` } as const
  const [verb, words] =
    paused === undefined
      ? ['changed', 'Changed the settings of']
      : paused === null
        ? ['resumed', 'Resumed']
        : ['paused', 'Paused']
  const [{ used: _b, ...was }, { used: _a, ...is }] = [before, after]
  const reason = is.paused?.reason && paused ? is.paused.reason : undefined
  note(c, { action: `${kind}.${verb}`, target, summary: `${words} ${what}.`, before: was, after: is, reason })
}

function answer(c: RouteContext, { group, function: name }: SettingsTarget, view: SettingsView): Response {
  return c.json(name === null ? { group, ...view } : { group, name, ...view })
}

function targetOf(c: RouteContext): SettingsTarget {
  return { group: c.req.param('group') ?? '', function: c.req.param('name') ?? null }
}

/** A name that the fleet has never said and for which nothing is set. */
function findUnknown(target: SettingsTarget, { fleet, settings }: SettingsRouteDeps): TaskError | undefined {
  const { group, function: name } = target
  if (settings.isSet(target)) return undefined
  const functions = fleet.functions()
  if (name !== null) {
    if (functions.some((served) => served.group === group && served.name === name)) return undefined
    const detail = `No worker in the list has ever served the function "${name.slice(0, 256)}" in group "${group.slice(0, 256)}". GET /functions lists what is served.`
    return { code: 'UNKNOWN_FUNCTION', detail }
  }
  if ([...functions, ...fleet.workers()].some((known) => known.group === group)) return undefined
  return { code: 'NOT_FOUND', detail: `No worker in the list is of a group "${group.slice(0, 256)}".` }
}

/** A default that nobody has ever served would turn every task away that names no contract. */
function findUnserved(
  { group, function: name }: SettingsTarget,
  { defaultContract }: SettingsPatch,
  fleet: FleetPort,
): TaskError | undefined {
  if (typeof defaultContract !== 'number') return undefined
  const isServed = fleet
    .functions()
    .some(
      (served) =>
        served.group === group &&
        served.contract === defaultContract &&
        (name === null || served.name === name),
    )
  if (isServed) return undefined
  const detail = `no worker in the list has ever served contract ${defaultContract} here; set it once one does`
  const errors = [{ pointer: '/defaultContract', detail }]
  return { code: 'CONFLICT', detail: `\`/defaultContract\`: ${detail}.`, errors }
}
