/** How events of a run reach a client, and how its lines are answered; what the events are is shown with `runs/events`. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunEventsPort, RunFollowing } from '../ports/run-events.ts'
import type { StoredEvent } from '../ports/told.ts'
import { eventRoutes } from './event-routes.ts'
import { makeBench, withKey } from './test-bench.ts'

interface Asked {
  readonly run: string
  readonly after: number
  readonly signal: AbortSignal
}

function make(give: (asked: Asked) => RunFollowing, stallMs?: number) {
  const asked: Asked[] = []
  const events: RunEventsPort = {
    async follow(run, after, signal) {
      const now = { run, after, signal }
      asked.push(now)
      return give(now)
    },
    lines: async (run) =>
      run === 'r_1'
        ? { lines: ['{"level":"info","text":"a"}', '{"level":"error","text":"b"}'], dropped: 7 }
        : undefined,
    progressOf: () => null,
  }
  const bench = makeBench({ routes: eventRoutes({ events, ...(stallMs === undefined ? {} : { stallMs }) }) })
  return { bench, asked }
}

const EVENTS: StoredEvent[] = [
  { n: 3, type: 'status', atMs: 1, data: '{"status":"running"}' },
  { n: 4, type: 'chunk', atMs: 2, data: '{"text":"a\\nb"}' },
]

async function* once(
  ...batches: (readonly StoredEvent[])[]
): AsyncGenerator<readonly StoredEvent[], void, void> {
  for (const batch of batches) yield batch
}

const withLastId = (id: string) => ({ headers: { ...withKey().headers, 'last-event-id': id } })

describe('GET /runs/{id}/events', () => {
  it('writes events with their ids, comments while nothing happens, and ends', async () => {
    const { bench, asked } = make(() => ({
      kind: 'events',
      batches: once(EVENTS, [], [{ n: 9, type: 'result', atMs: 3, data: '1' }]),
    }))
    const answer = await bench.ask('/runs/r_1/events', withLastId('2'))
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/)
    assert.match(answer.headers.get('cache-control') ?? '', /no-store/)
    assert.equal(
      await answer.text(),
      [
        ':\n\n',
        'id: 3\nevent: status\ndata: {"status":"running"}\n\n',
        'id: 4\nevent: chunk\ndata: {"text":"a\\nb"}\n\n',
        ':\n\n',
        'id: 9\nevent: result\ndata: 1\n\n',
      ].join(''),
    )
    assert.deepEqual([asked[0]?.run, asked[0]?.after], ['r_1', 2])
  })

  it('says when there is nothing more, no such run, or too many follow', async () => {
    assert.equal((await make(() => ({ kind: 'over' })).bench.ask('/runs/r_1/events', withKey())).status, 204)
    assert.equal(
      (await make(() => ({ kind: 'unknown' })).bench.ask('/runs/r_1/events', withKey())).status,
      404,
    )
    const error = { code: 'RATE_LIMITED', detail: 'too many', retryAfterMs: 1000 } as const
    const refused = await make(() => ({ kind: 'refused', error })).bench.ask('/runs/r_1/events', withKey())
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '1'])
  })

  it('refuses ids that no event has had, parameters, and whoever has no key', async () => {
    const { bench, asked } = make(() => ({ kind: 'over' }))
    for (const id of ['x', '-1', '1.5', '9'.repeat(16), '1,2'])
      assert.equal((await bench.ask('/runs/r_1/events', withLastId(id))).status, 400, id)
    assert.equal((await bench.ask('/runs/r_1/events?after=1', withKey())).status, 400)
    assert.equal((await bench.ask('/runs/r_1/events')).status, 401)
    assert.equal(asked.length, 0)
    assert.equal((await bench.ask('/runs/r_1/events', withLastId(''))).status, 204)
    assert.equal(asked[0]?.after, 0)
  })

  it('leaves when the client does, and holds nothing for a HEAD', async () => {
    let returned = 0
    const endless = (signal: AbortSignal): AsyncGenerator<readonly StoredEvent[], void, void> => {
      const inner = (async function* () {
        yield EVENTS
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      })()
      const { next } = inner
      return Object.assign(inner, {
        next: next.bind(inner),
        return: async () => {
          returned++
          return { done: true as const, value: undefined }
        },
      })
    }
    const { bench, asked } = make(({ signal }) => ({ kind: 'events', batches: endless(signal) }))
    const answer = await bench.ask('/runs/r_1/events', withKey())
    const reader = answer.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    assert.deepEqual([asked[0]?.signal.aborted, returned], [true, 1])
    const head = await bench.ask('/runs/r_1/events', withKey('HEAD'))
    assert.deepEqual([head.status, await head.text(), asked[1]?.signal.aborted, returned], [200, '', true, 2])
  })

  it('cuts a client that takes nothing', async () => {
    const cut = Promise.withResolvers<void>()
    const { bench } = make(({ signal }) => {
      signal.addEventListener('abort', () => cut.resolve())
      return { kind: 'events', batches: once(EVENTS, EVENTS, EVENTS, EVENTS) }
    }, 5)
    const answer = await bench.ask('/runs/r_1/events', withKey())
    const reader = answer.body?.getReader()
    await reader?.read()
    await cut.promise
    await assert.rejects(async () => {
      for (let n = 0; n < 10; n++) await reader?.read()
    })
  })
})

describe('GET /runs/{id}/logs', () => {
  it('answers what is kept and what went', async () => {
    const { bench } = make(() => ({ kind: 'unknown' }))
    const all = await bench.ask('/runs/r_1/logs', withKey())
    assert.deepEqual(await all.json(), {
      logs: ['{"level":"info","text":"a"}', '{"level":"error","text":"b"}'],
      dropped: 7,
    })
    const errors = await bench.ask('/runs/r_1/logs?level=warn', withKey())
    assert.deepEqual(((await errors.json()) as { logs: string[] }).logs, ['{"level":"error","text":"b"}'])
    assert.equal((await bench.ask('/runs/r_1/logs?level=loud', withKey())).status, 400)
    assert.equal((await bench.ask('/runs/r_1/logs?more=1', withKey())).status, 400)
    assert.equal((await bench.ask('/runs/r_2/logs', withKey())).status, 404)
  })
})
