/**
 * Figures over time by HTTP: `GET /stats`. Reads the question; the figures are those of ports/stats.ts.
 * Invariant: what is wrong with a question is 400 with the place, and nothing is guessed.
 */
import {
  type FieldError,
  fieldErrors,
  instantSchema,
  isStatsMetric,
  STATS_BY,
  STATS_METRICS,
  type StatsBy,
  type StatsMetric,
} from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import { z } from 'zod'
import type { StatsPort, StatsQuery } from '../ports/stats.ts'
import type { BodyRead } from './body.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'

export interface StatsRouteDeps {
  readonly stats: StatsPort
  readonly clock: Clock
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** No series reaches back further. */
const MOST_MS = 400 * DAY_MS
const UNITS_MS: Readonly<Record<string, number>> = { '': 1_000, s: 1_000, m: 60_000, h: HOUR_MS, d: DAY_MS }

const querySchema = z.strictObject({
  metric: z.string().transform((text, c) => {
    const names = [...new Set(text.split(','))]
    const unknown = names.find((name) => !isStatsMetric(name))
    if (unknown === undefined && names.length <= 20) return names.filter(isStatsMetric)
    const message =
      unknown === undefined
        ? 'names at most 20 metrics'
        : `knows no "${unknown.slice(0, 64)}"; known are ${Object.keys(STATS_METRICS).join(', ')}`
    c.addIssue({ code: 'custom', message })
    return z.NEVER
  }),
  by: z.enum(STATS_BY).default('fleet'),
  of: z.string().min(1).max(2048).optional(),
  from: instantSchema.optional(),
  to: instantSchema.optional(),
  step: z
    .string()
    .regex(/^\d{1,7}[smhd]?$/, 'must be a whole number of seconds, or a time such as 15s, 5m, 1h')
    .transform((text) => Number.parseInt(text, 10) * (UNITS_MS[text.replace(/^\d+/, '')] ?? 0))
    .refine((ms) => ms >= 1_000 && ms <= DAY_MS, 'must be from 1 second to 1 day')
    .optional(),
})

export function statsRoutes(deps: StatsRouteDeps): readonly Route[] {
  return [{ method: 'GET', path: '/stats', policy: 'read', handle: (c) => answer(c, deps) }]
}

async function answer(c: RouteContext, { stats, clock }: StatsRouteDeps): Promise<Response> {
  const query = readStatsQuery(c.req.url, clock.wallMs())
  if (!query.ok) return problem(query.error)
  const found = await stats.query(query.value)
  return 'code' in found ? problem(found) : c.json(found)
}

/** The last hour of the fleet unless the address says otherwise. */
export function readStatsQuery(url: string, nowMs: number): BodyRead<StatsQuery> {
  const members = new Map<string, string>()
  for (const [name, value] of new URL(url).searchParams) {
    if (members.has(name)) return refuse([{ pointer: `/${name.slice(0, 64)}`, detail: 'is given twice' }])
    members.set(name.slice(0, 64), value)
  }
  const parsed = querySchema.safeParse(Object.fromEntries(members))
  if (!parsed.success) return refuse(fieldErrors(parsed.error.issues))
  const { metric, by, of, from, to, step } = parsed.data
  const toMs = to === undefined ? nowMs : Date.parse(to)
  const fromMs = from === undefined ? toMs - HOUR_MS : Date.parse(from)
  const error = findContradiction(metric, by, of, fromMs, toMs)
  if (error) return refuse([error])
  return { ok: true, value: { metrics: metric, by, of, fromMs, toMs, stepMs: step } }
}

function findContradiction(
  metrics: readonly StatsMetric[],
  by: StatsBy,
  of: string | undefined,
  fromMs: number,
  toMs: number,
): FieldError | undefined {
  const other = metrics.find((metric) => !STATS_METRICS[metric].by.includes(by))
  if (other !== undefined)
    return {
      pointer: '/metric',
      detail: `"${other}" is kept by ${STATS_METRICS[other].by.join(', ')}, not by ${by}`,
    }
  if (by === 'fleet' && of !== undefined)
    return { pointer: '/of', detail: 'names a key, and the fleet has none' }
  if (fromMs >= toMs) return { pointer: '/from', detail: 'must be before `to`' }
  if (toMs - fromMs > MOST_MS) return { pointer: '/from', detail: 'must be within 400 days of `to`' }
  return undefined
}

function refuse(errors: readonly FieldError[]): BodyRead<StatsQuery> {
  const [first] = errors
  const detail = `The query is wrong at ${first?.pointer}: ${first?.detail}.`
  return { ok: false, error: { code: 'INVALID_REQUEST', detail, errors } }
}
