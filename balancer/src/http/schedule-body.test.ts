import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TaskBody } from '@berth/protocol'
import type { NewRun } from '../ports/runs.ts'
import type { ScheduleTerms, StoredSchedule } from '../ports/schedule-store.ts'
import { mergeSchedule, readPreview, readSchedule, shownTask } from './schedule-body.ts'

const HEAD = {
  contentType: 'application/json',
  contentEncoding: undefined,
  prefer: undefined,
  idempotencyKey: undefined,
  traceparent: undefined,
  wantsEvents: false,
}
const PAYLOAD = { mediaType: '', bytes: new TextEncoder().encode('{"a":1}'), head: null }
const CRON: ScheduleTerms = { type: 'cron', cron: '0 8 * * *', timezone: 'UTC' }

/** Takes every task, and remembers which. */
function orders() {
  const asked: TaskBody[] = []
  const order = (body: TaskBody) => {
    asked.push(body)
    return { ok: true, run: { function: body.function, payload: PAYLOAD } as unknown as NewRun } as const
  }
  return { asked, order }
}

function stored(changes: Partial<StoredSchedule> = {}): StoredSchedule {
  return {
    id: 's_1',
    group: 'default',
    function: 'hello',
    session: null,
    terms: CRON,
    overlap: 'queue',
    missed: 'skip',
    enabled: true,
    order: '{"function":"hello"}',
    body: '{"function":"hello","metadata":{"a":"b"},"webhook":{"url":"https://a.example","headers":{"X-Key":"s"}},"mode":"async"}',
    createdMs: 1,
    updatedMs: 1,
    anchorMs: 1,
    nextMs: 2,
    lastMs: null,
    doneMs: null,
    lastRun: null,
    counts: { fired: 0, skipped: 0, missed: 0, refused: 0 },
    waiting: 0,
    ...changes,
  }
}

function merge(patch: Record<string, unknown>, now: StoredSchedule = stored()) {
  const { asked, order } = orders()
  const merged = mergeSchedule(patch, now, PAYLOAD, HEAD, order)
  assert.ok(merged.ok, JSON.stringify(merged))
  return { ...merged, asked }
}

describe('the body of a schedule', () => {
  it('is a task and one time', () => {
    const { asked, order } = orders()
    const task = { function: 'hello', input: { a: 1 }, priority: 3, async: true }
    const read = readSchedule({ ...task, type: 'delayed', delayInSeconds: 5 }, HEAD, order)
    assert.ok(read.ok)
    const { terms, overlap, missed, enabled, body } = read.wanted
    assert.deepEqual(terms, { type: 'delayed', delayInSeconds: 5 })
    assert.deepEqual([overlap, missed, enabled], ['skip', 'once', true])
    assert.deepEqual(JSON.parse(body), { function: 'hello', priority: 3, mode: 'async' })
    assert.deepEqual(asked[0]?.input, { a: 1 })
    const wrong = readSchedule(
      { ...task, type: 'cron', cron: '* * * * *', date: '2030-01-01T00:00:00Z' },
      HEAD,
      order,
    )
    assert.equal(wrong.ok === false && wrong.error.errors?.[0]?.pointer, '/date')
    const proto = readSchedule(
      JSON.parse('{"function":"f","type":"cron","cron":"* * * * *","__proto__":1}'),
      HEAD,
      order,
    )
    assert.equal(proto.ok, false)
  })

  it('is told the four kinds of time, with an example that is taken', () => {
    const { order } = orders()
    for (const type of [undefined, 'weekly', null]) {
      const read = readSchedule({ function: 'hello', type }, HEAD, order)
      const [error] = read.ok ? [] : (read.error.errors ?? [])
      assert.equal(error?.pointer, '/type')
      for (const kind of ['"cron"', '"interval"', '"delayed"', '"scheduled"', '"cron": "0 8 * * MON-FRI"'])
        assert.ok(error?.detail.includes(kind), `${error?.detail}`)
    }
  })

  it('is changed by what a PATCH names; a task that it does not name is not judged again', () => {
    const paused = merge({ enabled: false })
    assert.deepEqual([paused.asked, paused.isSameTask, paused.isRestart], [[], true, false])
    assert.deepEqual(
      [paused.wanted.enabled, paused.wanted.overlap, paused.wanted.terms],
      [false, 'queue', CRON],
    )
    const moved = merge({ cron: '0 9 * * *' })
    assert.deepEqual(moved.wanted.terms, { ...CRON, cron: '0 9 * * *' })
    assert.deepEqual([moved.isRestart, moved.isSameTask], [true, true])
    assert.deepEqual(merge({ timezone: null }).wanted.terms, { ...CRON, timezone: null })
    const other = merge({ type: 'delayed', delayInSeconds: 1 })
    assert.deepEqual(
      [other.wanted.terms, other.wanted.missed],
      [{ type: 'delayed', delayInSeconds: 1 }, 'once'],
    )
    const task = merge({ priority: 9, metadata: null })
    assert.deepEqual(
      [task.isSameTask, task.asked[0]?.priority, task.asked[0]?.metadata],
      [false, 9, undefined],
    )
    assert.deepEqual(task.asked[0]?.input, { a: 1 })
  })

  it('begins anew by its time, not by what stands beside it', () => {
    const done = stored({ terms: { type: 'delayed', delayInSeconds: 1 }, enabled: false, doneMs: 5 })
    assert.equal(merge({ delayInSeconds: 2 }, done).wanted.enabled, true)
    assert.equal(merge({ delayInSeconds: 2, enabled: false }, done).wanted.enabled, false)
    assert.equal(merge({ priority: 2 }, done).wanted.enabled, false)
    assert.equal(merge({ delayInSeconds: 2 }, stored({ ...done, doneMs: null })).wanted.enabled, false)
  })

  it('hides the headers of a webhook, and keeps those that come back hidden', () => {
    const shown = shownTask(stored().body) as { webhook: { url: string; headers: object } }
    assert.deepEqual(shown.webhook.headers, { 'X-Key': '***' })
    const kept = merge({ webhook: shown.webhook })
    assert.deepEqual(kept.asked[0]?.webhook?.headers, { 'X-Key': 's' })
    const changed = merge({ webhook: { url: 'https://b.example', headers: { 'X-Key': 't', Other: '***' } } })
    assert.deepEqual(changed.asked[0]?.webhook?.headers, { 'X-Key': 't', Other: '***' })
  })
})

describe('the body of a preview', () => {
  it('is a time alone, of five instants unless it says otherwise', () => {
    const terms = { type: 'cron', cron: '0 8 * * *', timezone: null }
    assert.deepEqual(readPreview({ type: 'cron', cron: '0 8 * * *' }), { ok: true, terms, count: 5 })
    const read = readPreview({ type: 'interval', intervalSeconds: 90, count: 9 })
    assert.deepEqual(read, { ok: true, terms: { type: 'interval', intervalSeconds: 90 }, count: 9 })
  })

  it('is refused with a pointer where it is wrong', () => {
    for (const [body, pointer] of [
      [{ type: 'cron' }, '/cron'],
      [{ type: 'interval', intervalSeconds: 5, cron: '* * * * *' }, '/cron'],
      [{ type: 'delayed', delayInSeconds: -1 }, '/delayInSeconds'],
      [{ type: 'cron', cron: '* * * * *', count: 51 }, '/count'],
      [{ type: 'cron', cron: '* * * * *', function: 'hello' }, '/function'],
    ] as const) {
      const read = readPreview(body)
      assert.equal(!read.ok && read.error.errors?.[0]?.pointer, pointer, JSON.stringify(body))
    }
  })
})
