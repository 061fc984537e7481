/** Schedules by HTTP with real processes: made, shown, changed, fired by hand and by the clock, kept over a restart. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Answer, type Balancer, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { writeProbe } from '../harness/executions.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'

interface Schedule {
  id: string
  type: string
  enabled: boolean
  cron?: string
  timezone?: string | null
  missed: string
  overlap: string
  priority: number
  input?: { id?: string }
  metadata?: Record<string, string>
  webhook?: { headers: Record<string, string> }
  mode: string
  nextRunAt: string | null
  nextRuns: string[]
  lastRun: string | null
  counts: { fired: number }
  history: { scheduledFor: string; outcome: string; run: string }[]
  code: string
  detail: string
  errors: { pointer: string; detail: string }[]
}

interface Run {
  id: string
  status: string
  trigger: string
  schedule: string | null
  scheduledFor: string | null
  priority: number
  durable: boolean
  mode: string
  metadata: Record<string, string>
  result: { id: string }
}

const DAILY = { function: 'probe', type: 'cron', cron: '30 2 * * *', timezone: 'America/New_York' }

describe('schedules', () => {
  let scope: ReturnType<typeof createScope>
  let balancer: Balancer

  before(async () => {
    scope = createScope()
    const probe = await writeProbe(await makeFolder(scope, 'probe'))
    const worker = await startWorker(scope, { folder: probe.folder, env: { SLOTS: '4' } })
    balancer = await startBalancer(scope, { workers: [worker.url], env: { TZ: 'Asia/Kolkata' } })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  const send = (method: string, path: string, body?: unknown): Promise<Answer> =>
    balancer.request(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const create = async (body: object): Promise<Schedule> => {
    const made = await send('POST', '/schedules', body)
    assert.equal(made.status, 201, made.text)
    assert.equal(made.headers.get('location'), `/schedules/${(made.body as Schedule).id}`)
    return made.body as Schedule
  }
  const show = async (id: string) => (await send('GET', `/schedules/${id}`)).body as Schedule
  const runsOf = async (id: string) =>
    ((await send('GET', `/runs?schedule=${id}`)).body as { items: Run[] }).items
  const count = async () => ((await send('GET', '/schedules?limit=500')).body as { items: [] }).items.length

  test('is made, with the next five instants, and shown in lists without its input', async () => {
    const metadata = { team: 'a' }
    const made = await create({ ...DAILY, input: { id: 'daily' }, priority: 3, metadata })
    assert.match(made.id, /^s_[0-9a-hjkmnp-tv-z]{26}$/)
    assert.deepEqual(
      [
        made.type,
        made.cron,
        made.timezone,
        made.overlap,
        made.missed,
        made.enabled,
        made.priority,
        made.mode,
      ],
      ['cron', '30 2 * * *', 'America/New_York', 'skip', 'skip', true, 3, 'async'],
    )
    assert.deepEqual([made.input, made.metadata, made.history], [{ id: 'daily' }, metadata, []])
    assert.equal(made.nextRuns.length, 5)
    assert.equal(made.nextRunAt, made.nextRuns[0])
    for (const [at, next] of made.nextRuns.slice(1).entries())
      assert.ok([23, 24, 25].includes((Date.parse(next) - Date.parse(made.nextRuns[at] ?? '')) / 3_600_000))
    const local = await create({ function: 'probe', type: 'cron', cron: '30 2 * * *' })
    assert.equal(local.timezone, null)
    assert.match(local.nextRunAt ?? '', /T21:00:00\.000Z$/, 'the time zone of the process')
    const { items, cursor } = (await send('GET', '/schedules?limit=1')).body as {
      items: Schedule[]
      cursor: string
    }
    assert.deepEqual(
      [items.map(({ id }) => id), 'input' in (items[0] ?? {}), 'history' in (items[0] ?? {})],
      [[local.id], false, false],
    )
    const next = (await send('GET', `/schedules?cursor=${cursor}`)).body as { items: Schedule[] }
    assert.deepEqual(
      next.items.map(({ id }) => id),
      [made.id],
    )
    for (const [query, expected] of [
      ['?function=probe&type=cron&enabled=true', 2],
      ['?type=interval', 0],
      ['?enabled=false', 0],
      ['?group=other', 0],
    ] as const)
      assert.equal(((await send('GET', `/schedules${query}`)).body as { items: [] }).items.length, expected)
    for (const id of [made.id, local.id]) assert.equal((await send('DELETE', `/schedules/${id}`)).status, 204)
    assert.equal((await send('GET', `/schedules/${made.id}`)).status, 404)
  })

  test('what is wrong is 400 with its place, 404 or 422, and changes nothing', async () => {
    const before = await count()
    const kept = await create(DAILY)
    for (const [body, status, pointer] of [
      [{ function: 'probe' }, 400, '/type'],
      [{ ...DAILY, type: 'weekly' }, 400, '/type'],
      [{ ...DAILY, cron: '0 0 30 2 *' }, 400, '/cron'],
      [{ ...DAILY, cron: '0 0 L * *' }, 400, '/cron'],
      [{ ...DAILY, timezone: 'Mars/Base' }, 400, '/timezone'],
      [{ ...DAILY, intervalSeconds: 5 }, 400, '/intervalSeconds'],
      [{ function: 'probe', type: 'cron' }, 400, '/cron'],
      [{ function: 'probe', type: 'interval' }, 400, '/intervalSeconds'],
      [{ function: 'probe', type: 'interval', intervalSeconds: 0 }, 400, '/intervalSeconds'],
      [{ function: 'probe', type: 'interval', intervalSeconds: 1.5 }, 400, '/intervalSeconds'],
      [{ function: 'probe', type: 'interval', intervalSeconds: 5, timezone: 'UTC' }, 400, '/timezone'],
      [{ function: 'probe', type: 'delayed', delayInSeconds: -1 }, 400, '/delayInSeconds'],
      [{ function: 'probe', type: 'scheduled', date: '2030-01-01T00:00:00' }, 400, '/date'],
      [{ function: 'probe', type: 'scheduled', date: 'tomorrow' }, 400, '/date'],
      [{ function: 'probe', type: 'scheduled', date: '+275760-09-14T00:00:00Z' }, 400, '/date'],
      [{ ...DAILY, overlap: 'maybe' }, 400, '/overlap'],
      [{ ...DAILY, missed: 'all' }, 400, '/missed'],
      [{ ...DAILY, enabled: 'yes' }, 400, '/enabled'],
      [{ ...DAILY, mode: 'sync' }, 400, '/mode'],
      [{ ...DAILY, mode: 'stream' }, 400, '/mode'],
      [{ ...DAILY, delay: 5 }, 400, '/delay'],
      [{ ...DAILY, runAt: '2030-01-01T00:00:00Z' }, 400, '/runAt'],
      [{ ...DAILY, colour: 'red' }, 400, '/colour'],
      [{ ...DAILY, deadline: '2020-01-01T00:00:00Z' }, 400, '/deadline'],
      [{ ...DAILY, priority: 0 }, 400, '/priority'],
      [{ ...DAILY, mode: 'webhook' }, 400, '/webhook'],
      [{ ...DAILY, function: 'nobody' }, 404, undefined],
      [{ ...DAILY, input: { ms: 'soon' } }, 422, '/input/ms'],
    ] as const) {
      const made = await send('POST', '/schedules', body)
      const { errors = [] } = made.body as Schedule
      assert.equal(made.status, status, `${JSON.stringify(body)}: ${made.text}`)
      if (pointer)
        assert.ok(
          errors.some((error) => error.pointer === pointer),
          made.text,
        )
    }
    for (const [body, status] of [
      [{ cron: 'x' }, 400],
      [{ type: 'interval' }, 400],
      [{ intervalSeconds: 5 }, 400],
      [{ function: null }, 400],
      [{ input: { ms: 'soon' } }, 422],
      [{ function: 'nobody' }, 404],
      [{ deadline: '2020-01-01T00:00:00Z' }, 400],
      [[], 400],
    ] as const)
      assert.equal((await send('PATCH', `/schedules/${kept.id}`, body)).status, status, JSON.stringify(body))
    assert.deepEqual(await show(kept.id), kept)
    for (const [method, path, example] of [
      ['POST', '/schedules', '"type": "cron", "cron"'],
      ['PATCH', `/schedules/${kept.id}`, 'such as {"enabled": false}'],
    ] as const) {
      const { status, text } = await send(method, path, [])
      assert.equal(status, 400)
      assert.ok((JSON.parse(text) as { detail: string }).detail.includes(example), text)
    }
    for (const query of ['?colour=red', '?type=weekly', '?enabled=1', '?limit=501', '?cursor=x'])
      assert.equal((await send('GET', `/schedules${query}`)).status, 400, query)
    for (const [method, path] of [
      ['GET', '/schedules/s_none'],
      ['PATCH', '/schedules/s_none'],
      ['DELETE', '/schedules/s_none'],
      ['POST', '/schedules/s_none/trigger'],
    ] as const)
      assert.equal((await send(method, path, method === 'PATCH' ? {} : undefined)).status, 404, path)
    assert.equal((await balancer.request('/schedules', { headers: { authorization: '' } })).status, 401)
    await send('DELETE', `/schedules/${kept.id}`)
    assert.equal(await count(), before)
  })

  test('fires at its instants, with the run it carries, and by hand', async () => {
    const body = { function: 'probe', input: { id: 'tick' }, priority: 7, metadata: { of: 'tick' } }
    const made = await create({ ...body, type: 'interval', intervalSeconds: 1, overlap: 'allow' })
    const runs = await until(
      async () => {
        const found = await runsOf(made.id)
        return found.filter(({ status }) => status === 'completed').length >= 3 ? found : undefined
      },
      LIMIT_MS,
      'three runs of the schedule have ended',
    )
    const first = Date.parse(made.nextRunAt ?? '')
    for (const [at, run] of runs.toReversed().entries()) {
      assert.equal(run.scheduledFor, new Date(first + at * 1_000).toISOString())
      assert.deepEqual(
        [run.trigger, run.schedule, run.priority, run.durable, run.mode, run.metadata],
        ['schedule', made.id, 7, true, 'async', { of: 'tick' }],
      )
    }
    const triggered = await send('POST', `/schedules/${made.id}/trigger`)
    assert.equal(triggered.status, 202, triggered.text)
    const { runId } = triggered.body as { runId: string }
    const byHand = (await send('GET', `/runs/${runId}?wait=30`)).body as Run
    assert.deepEqual(
      [byHand.status, byHand.trigger, byHand.schedule, byHand.scheduledFor, byHand.result.id],
      ['completed', 'api', made.id, null, 'tick'],
    )
    const keyed = { method: 'POST', headers: { 'idempotency-key': 'once' } }
    const both = [0, 1].map(() => balancer.request(`/schedules/${made.id}/trigger`, keyed))
    const [one, other] = (await Promise.all(both)).map(({ body }) => (body as { runId: string }).runId)
    assert.equal(one, other, 'a key fires it once')
    const off = (await send('PATCH', `/schedules/${made.id}`, { enabled: false })).body as Schedule
    assert.deepEqual([off.enabled, off.nextRunAt, off.nextRuns], [false, null, []])
    const shown = await show(made.id)
    assert.equal(shown.history.length, shown.counts.fired)
    assert.equal(shown.history[0]?.run, shown.lastRun)
    assert.equal((await send('DELETE', `/schedules/${made.id}`)).status, 204)
    assert.ok((await runsOf(made.id)).length >= 4, 'its runs stay')
  })

  test('a PATCH changes what it names, and one of the time begins anew', async () => {
    const headers = { Authorization: 'secret' }
    const webhook = { url: 'https://a.example/hook', headers }
    const made = await create({ ...DAILY, input: { id: 'a' }, metadata: { a: 'b' }, webhook })
    assert.deepEqual(made.webhook?.headers, { Authorization: '***' })
    const change = async (body: object) => {
      const changed = await send('PATCH', `/schedules/${made.id}`, body)
      assert.equal(changed.status, 200, changed.text)
      return changed.body as Schedule
    }
    const quiet = await change({ priority: 9, webhook: made.webhook })
    assert.deepEqual(
      [quiet.priority, quiet.nextRunAt, quiet.input, quiet.metadata],
      [9, made.nextRunAt, { id: 'a' }, { a: 'b' }],
    )
    const moved = await change({ timezone: 'Europe/Vienna', metadata: null, webhook: null })
    assert.notEqual(moved.nextRunAt, made.nextRunAt)
    assert.deepEqual([moved.cron, moved.metadata, moved.webhook], ['30 2 * * *', undefined, undefined])
    const delayed = await change({ type: 'delayed', delayInSeconds: 0, input: { id: 'b' } })
    assert.deepEqual([delayed.type, delayed.cron, delayed.nextRuns.length], ['delayed', undefined, 1])
    const done = await until(
      async () => {
        const found = await show(made.id)
        return found.counts.fired === 1 ? found : undefined
      },
      LIMIT_MS,
      'it has fired',
    )
    assert.deepEqual([done.enabled, done.nextRunAt], [false, null])
    assert.equal((await send('PATCH', `/schedules/${made.id}`, { enabled: true })).status, 409)
    const again = await change({ delayInSeconds: 3_600 })
    assert.equal(again.enabled, true)
    assert.ok(Date.parse(again.nextRunAt ?? '') > Date.now() + 3_000_000)
    await send('DELETE', `/schedules/${made.id}`)
  })

  test('goes on after a restart, and is told what it missed', async () => {
    const soon = await create({ function: 'probe', type: 'delayed', delayInSeconds: 1 })
    const ticking = await create({
      function: 'probe',
      type: 'interval',
      intervalSeconds: 1,
      overlap: 'allow',
    })
    await balancer.kill9()
    const { port, dataDir, workersFile } = balancer
    const env = { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile }
    balancer = await startBalancer(scope, { env })
    await until(async () => (await runsOf(ticking.id)).length >= 3, LIMIT_MS, 'it ticks on')
    await until(async () => (await runsOf(soon.id)).length === 1, LIMIT_MS, 'it fires once')
    const ticks = (await runsOf(ticking.id)).map(({ scheduledFor }) => Date.parse(scheduledFor ?? '')).sort()
    const first = Date.parse(ticking.nextRunAt ?? '')
    assert.deepEqual(
      ticks,
      ticks.map((_, at) => first + at * 1_000),
    )
    for (const { id } of [soon, ticking]) await send('DELETE', `/schedules/${id}`)
  })
})
