/**
 * The log of webhooks by HTTP (CONTRACT §4, Runs and Operating): what was sent of a run, and sending it again. All is
 * asked of ports/webhooks.ts. Invariant: what is asked to be sent again is on disk before it is answered.
 */
import { instantSchema, type TaskError } from '@berth/protocol'
import { z } from 'zod'
import type { RunsPort } from '../ports/runs.ts'
import type { DeliveriesPort } from '../ports/webhooks.ts'
import { note } from './activity.ts'
import { readJsonBody } from './body.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'

export interface DeliveryRouteDeps {
  readonly runs: Pick<RunsPort, 'find'>
  readonly deliveries: DeliveriesPort
}

const nothingSchema = z.strictObject({})
const rangeSchema = z
  .strictObject({ from: instantSchema, to: instantSchema, url: z.url().max(2048).optional() })
  .refine(({ from, to }) => Date.parse(from) <= Date.parse(to), {
    path: ['to'],
    error: 'must not be before `from`',
  })

export function deliveryRoutes({ runs, deliveries }: DeliveryRouteDeps): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/runs/:id/deliveries',
      policy: 'read',
      handle: plain((c) => listDeliveries(c, runs, deliveries)),
    },
    {
      method: 'POST',
      path: '/deliveries/redeliver',
      policy: 'key',
      handle: plain((c) => redeliverRange(c, deliveries)),
    },
    {
      method: 'POST',
      path: '/deliveries/:id/redeliver',
      policy: 'key',
      handle: plain((c) => redeliver(c, deliveries)),
    },
  ]
}

/** A run has one message, so there is no second page. */
async function listDeliveries(
  c: RouteContext,
  runs: Pick<RunsPort, 'find'>,
  deliveries: DeliveriesPort,
): Promise<Response> {
  const id = c.req.param('id') ?? ''
  const items = await deliveries.of(id)
  if (items.length === 0 && (await runs.find(id)) === undefined) return problem(unknown('run', id))
  return c.json({ items, cursor: null })
}

async function redeliver(c: RouteContext, deliveries: DeliveriesPort): Promise<Response> {
  const read = await readJsonBody(c.req.raw, nothingSchema)
  if (!read.ok) return problem(read.error)
  const id = c.req.param('id') ?? ''
  const asked = await deliveries.redeliver(id)
  if (asked === undefined) return problem(unknown('delivery', id))
  if (!asked.ok) return problem(asked.error)
  const summary = `Had the webhook ${id} sent again.`
  note(c, { action: 'delivery.redelivered', target: { kind: 'delivery', id }, summary })
  return c.json(asked.delivery, 202)
}

async function redeliverRange(c: RouteContext, deliveries: DeliveriesPort): Promise<Response> {
  const read = await readJsonBody(c.req.raw, rangeSchema)
  if (!read.ok) return problem(read.error)
  const { from, to, url = null } = read.value
  const asked = await deliveries.redeliverRange({ fromMs: Date.parse(from), toMs: Date.parse(to), url })
  if (!asked.ok) return problem(asked.error)
  const { matched } = asked
  const summary = `Had ${matched} webhooks sent again, made from ${from} to ${to}.`
  const target = { kind: 'delivery', id: 'range' } as const
  note(c, { action: 'delivery.redelivered', target, summary, after: { from, to, url, matched } })
  return c.json({ matched }, 202)
}

function unknown(what: 'run' | 'delivery', id: string): TaskError {
  return { code: 'NOT_FOUND', detail: `There is no ${what} "${id.slice(0, 64)}".` }
}
