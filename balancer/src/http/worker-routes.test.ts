import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { WorkerView } from '@berth/protocol'
import { type Bench, codeOf, makeBench, makeWorker, SINCE, withKey } from './test-bench.ts'

const ODD_ID = '127.0.0.1:3001/a b'

interface Listed {
  items: { id?: string; name?: string }[]
  cursor: string | null
}

async function list(bench: Bench, path: string): Promise<Listed> {
  const answer = await bench.ask(path, withKey())
  assert.equal(answer.status, 200, path)
  return (await answer.json()) as Listed
}

describe('GET /workers', () => {
  it('answers the fleet in its order', async () => {
    const bench = makeBench()
    assert.deepEqual(await list(bench, '/workers'), { items: bench.fleet.list, cursor: null })
  })

  it('filters by group and status', async () => {
    const bench = makeBench()
    const ids = async (query: string) => (await list(bench, `/workers?${query}`)).items.map(({ id }) => id)
    assert.deepEqual(await ids('group=gpu'), [ODD_ID])
    assert.deepEqual(await ids('group=none'), [])
    assert.deepEqual(await ids('status=ready'), ['w1'])
    assert.deepEqual(await ids('status=ready,saturated'), ['w1', ODD_ID])
    assert.deepEqual(await ids('status=ready&group=gpu'), [])
  })

  it('refuses what it does not know, and what is given twice', async () => {
    const bench = makeBench()
    for (const query of [
      'color=red',
      'group=a&group=b',
      'status=fine',
      'limit=0',
      'limit=501',
      'limit=x',
      'cursor=x',
    ])
      assert.equal((await bench.ask(`/workers?${query}`, withKey())).status, 400, query)
  })

  it('names the states that there are', async () => {
    const answer = await makeBench().ask('/workers?status=fine', withKey())
    const { detail } = (await answer.json()) as { detail: string }
    assert.match(detail, /knows no "fine"; known are connecting, ready, saturated, .*unreachable\.$/)
  })

  it('cuts into pages that miss nothing', async () => {
    const bench = makeBench()
    bench.fleet.list = Array.from({ length: 7 }, (_, i) => makeWorker(`w${i}`))
    const seen: (string | undefined)[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null && pages < 10; pages++) {
      const page: Listed = await list(bench, `/workers?limit=3${cursor && `&cursor=${cursor}`}`)
      assert.ok(page.items.length <= 3)
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.cursor
    }
    assert.deepEqual(
      seen,
      bench.fleet.list.map(({ id }) => id),
    )
    assert.equal((await list(bench, '/workers?limit=7')).cursor, null)
  })

  it('answers 50 unless told otherwise, as every list does', async () => {
    const bench = makeBench()
    bench.fleet.list = Array.from({ length: 51 }, (_, i) => makeWorker(`w${i}`))
    const page: Listed = await list(bench, '/workers')
    assert.equal(page.items.length, 50)
    assert.equal(typeof page.cursor, 'string')
  })
})

describe('GET /workers/{id}', () => {
  it('answers the worker itself, whatever its id holds', async () => {
    const bench = makeBench()
    for (const id of ['w1', ODD_ID]) {
      const answer = await bench.ask(`/workers/${encodeURIComponent(id)}`, withKey())
      assert.equal(answer.status, 200, id)
      assert.equal(((await answer.json()) as WorkerView).id, id)
    }
    bench.fleet.list = [makeWorker('127.0.0.1:3001')]
    assert.equal((await bench.ask('/workers/127.0.0.1:3001', withKey())).status, 200)
  })

  it('answers 404 for what is not there', async () => {
    const bench = makeBench()
    for (const path of ['/workers/w9', '/workers/%ff', '/workers/w9/logs']) {
      const answer = await bench.ask(path, withKey())
      assert.equal(answer.status, 404, path)
      assert.equal(await codeOf(answer), 'NOT_FOUND')
    }
  })
})

describe('the pages of GET /workers', () => {
  it('go on when the last item of one has changed its status, left, or begun to leave', async () => {
    const bench = makeBench()
    const unreachable = (n: number) => makeWorker(`w${n}`, { status: 'unreachable' })
    const all = [1, 2, 3, 4, 5].map(unreachable)
    const [w1, w2, ...others] = all as [WorkerView, WorkerView, ...WorkerView[]]
    for (const changed of [
      [w1, { ...w2, status: 'ready' as const }, ...others],
      [w1, ...others],
      [w1, ...others, { ...w2, status: 'leaving' as const }],
    ]) {
      bench.fleet.list = all
      const { cursor } = await list(bench, '/workers?limit=2&status=unreachable')
      bench.fleet.list = changed
      const next = await list(bench, `/workers?limit=2&status=unreachable&cursor=${cursor}`)
      assert.deepEqual(
        next.items.map(({ id }) => id),
        ['w3', 'w4'],
      )
    }
  })
})

describe('POST /workers/{id}/off and /on', () => {
  it('passes the wish on and answers the worker', async () => {
    const bench = makeBench()
    const until = '2026-01-01T02:00:00+01:00'
    const deadline = '2026-01-01T00:30:00Z'
    const answer = await bench.ask('/workers/w1/off', withKey('POST', { reason: 'disk', until, deadline }))
    assert.equal(answer.status, 200)
    assert.equal(((await answer.json()) as WorkerView).id, 'w1')
    await bench.ask(`/workers/${encodeURIComponent(ODD_ID)}/off`, withKey('POST'))
    await bench.ask('/workers/w1/on', withKey('POST'))
    assert.deepEqual(bench.fleet.wishes, [
      {
        id: 'w1',
        wish: {
          on: true,
          reason: 'disk',
          until: '2026-01-01T01:00:00.000Z',
          deadline: '2026-01-01T00:30:00.000Z',
          by: 'key',
        },
      },
      { id: ODD_ID, wish: { on: true, reason: null, until: null, deadline: null, by: 'key' } },
      { id: 'w1', wish: { on: false, reason: null, until: null } },
    ])
    assert.match(bench.log.lines().join('\n'), /put in maintenance.*"worker":"w1".*"by":"key"/)
  })

  it('takes the reason of the header where the body has none', async () => {
    const bench = makeBench()
    for (const body of [{}, { reason: 'disk' }]) {
      const ask = withKey('POST', body)
      await bench.ask('/workers/w1/off', { ...ask, headers: { ...ask.headers, 'x-reason': 'L%C3%BCfter' } })
    }
    assert.deepEqual(
      bench.fleet.wishes.map(({ wish }) => wish.reason),
      ['Lüfter', 'disk'],
    )
    assert.deepEqual(
      bench.noted.map(({ reason }) => reason),
      ['Lüfter', 'disk'],
    )
  })

  it('refuses reasons that would not show as they are written', async () => {
    const bench = makeBench()
    for (const sign of [
      '\n',
      '\t',
      '\0',
      '\u001b',
      '\u007f',
      '\u0085',
      '\u2028',
      '\u2029',
      '\u202e',
      '\u2066',
    ]) {
      const reason = `disk${sign}`
      const byBody = await bench.ask('/workers/w1/off', withKey('POST', { reason }))
      assert.equal(byBody.status, 400, JSON.stringify(sign))
      const { errors } = (await byBody.json()) as { errors: { pointer: string; detail: string }[] }
      assert.equal(errors[0]?.pointer, '/reason')
      assert.match(errors[0]?.detail ?? '', /one line without control characters/)
      const ask = withKey('POST')
      const headers = { ...ask.headers, 'x-reason': encodeURIComponent(reason) }
      const byHeader = await bench.ask('/workers/w1/off', { ...ask, headers })
      assert.equal(byHeader.status, 400, JSON.stringify(sign))
      assert.match(await byHeader.text(), /x-reason must be one line without control characters/)
    }
    assert.deepEqual(bench.fleet.wishes, [])
  })

  it('refuses a wrong body with a pointer and wishes nothing', async () => {
    const bench = makeBench()
    for (const [body, pointer] of [
      [{ until: '2025-12-31T23:59:59Z' }, '/until'],
      [{ until: '2026-01-01T00:00:00Z' }, '/until'],
      [{ until: 'soon' }, '/until'],
      [{ until: '2026-01-02' }, '/until'],
      [{ deadline: '2025-12-31T23:59:59Z' }, '/deadline'],
      [{ deadline: 5000 }, '/deadline'],
      [{ reason: 1 }, '/reason'],
      [{ reason: 'x'.repeat(1025) }, '/reason'],
      [{ reasons: 'x' }, '/reasons'],
      [[], ''],
    ] as const) {
      const answer = await bench.ask('/workers/w1/off', withKey('POST', body))
      assert.equal(answer.status, 400, JSON.stringify(body))
      const { code, errors } = (await answer.json()) as { code: string; errors: { pointer: string }[] }
      assert.equal(code, 'INVALID_REQUEST')
      assert.equal(errors[0]?.pointer, pointer)
    }
    assert.equal((await bench.ask('/workers/w1/on', withKey('POST', { reason: 'x' }))).status, 400)
    assert.deepEqual(bench.fleet.wishes, [])
  })

  it('answers what the fleet refuses', async () => {
    const bench = makeBench()
    bench.fleet.refusal = { code: 'CONFLICT', detail: 'line 3 of workers.json says maintenance' }
    const answer = await bench.ask('/workers/w1/on', withKey('POST'))
    assert.equal(answer.status, 409)
    assert.equal((await bench.ask('/workers/w9/on', withKey('POST'))).status, 404)
  })

  it('keeps the decision on disk before it is in force', async () => {
    const bench = makeBench()
    await bench.ask('/workers/w1/off', withKey('POST', { reason: 'disk' }))
    await bench.ask('/workers/w1/on', withKey('POST'))
    const intent = { worker: 'w1', reason: 'disk', since: SINCE, until: null, deadline: null, by: 'key' }
    assert.deepEqual(bench.keeper.kept, [
      { kind: 'intent-set', intent },
      { kind: 'intent-cleared', worker: 'w1' },
    ])
  })

  it('changes nothing that cannot be kept, and says so', async () => {
    const bench = makeBench()
    bench.keeper.failure = 'the disk is full'
    for (const verb of ['off', 'on']) {
      const answer = await bench.ask(`/workers/w1/${verb}`, withKey('POST'))
      assert.equal(answer.status, 503)
      const { code, detail } = (await answer.json()) as { code: string; detail: string }
      assert.equal(code, 'STORE_UNAVAILABLE')
      assert.match(detail, /"w1".*nothing was changed: the disk is full/)
      assert.ok(answer.headers.get('retry-after'))
    }
    assert.deepEqual(bench.fleet.wishes, [])
    assert.deepEqual(bench.keeper.undone[0], { kind: 'intent-cleared', worker: 'w1' })
  })

  it('brings back on disk the decision that was in force', async () => {
    const bench = makeBench()
    const was = { worker: 'w1', reason: 'old', since: SINCE, until: null, deadline: null, by: 'key' }
    bench.fleet.intents.set('w1', was)
    bench.keeper.failure = 'no answer'
    await bench.ask('/workers/w1/on', withKey('POST'))
    assert.deepEqual(bench.keeper.undone, [{ kind: 'intent-set', intent: was }])
    bench.keeper.failure = undefined
    bench.fleet.lateRefusal = { code: 'CONFLICT', detail: 'it has left meanwhile' }
    assert.equal((await bench.ask('/workers/w1/on', withKey('POST'))).status, 409)
    assert.deepEqual(bench.keeper.kept, [
      { kind: 'intent-cleared', worker: 'w1' },
      { kind: 'intent-set', intent: was },
    ])
  })

  it('leaves no decision on disk about one that left the list meanwhile', async () => {
    const bench = makeBench()
    const was = { worker: 'w1', reason: 'old', since: SINCE, until: null, deadline: null, by: 'key' }
    bench.fleet.intents.set('w1', was)
    const { keep } = bench.keeper
    bench.keeper.keep = (...writes) => {
      bench.fleet.intents.delete('w1')
      bench.fleet.lateRefusal = { code: 'CONFLICT', detail: 'it leaves' }
      return keep.apply(bench.keeper, writes)
    }
    assert.equal((await bench.ask('/workers/w1/off', withKey('POST'))).status, 409)
    assert.deepEqual(bench.keeper.kept.at(-1), { kind: 'intent-cleared', worker: 'w1' })
  })

  it('makes decisions one after another, and refuses clearly when too many wait for the disk', async () => {
    const bench = makeBench()
    const disk = Promise.withResolvers<{ ok: true }>()
    bench.keeper.keep = () => disk.promise
    const many = Array.from({ length: 40 }, (_, i) =>
      bench.ask('/workers/w1/off', withKey('POST', { reason: `number ${i}` })),
    )
    await new Promise(setImmediate)
    assert.equal(bench.fleet.wishes.length, 0)
    disk.resolve({ ok: true })
    const answers = await Promise.all(many)
    const refused = answers.filter(({ status }) => status !== 200)
    assert.equal(refused.length, 8)
    for (const answer of refused) assert.equal(await codeOf(answer), 'STORE_UNAVAILABLE')
    const accepted = answers.flatMap(({ status }, i) => (status === 200 ? `number ${i}` : []))
    assert.deepEqual(
      bench.fleet.wishes.map(({ wish }) => wish.reason),
      accepted,
    )
  })

  it('writes nothing down that the fleet is going to refuse', async () => {
    const bench = makeBench()
    bench.fleet.refusal = { code: 'CONFLICT', detail: 'line 3 of workers.json says maintenance' }
    for (const path of ['/workers/w1/on', '/workers/w1/off'])
      assert.equal((await bench.ask(path, withKey('POST'))).status, 409)
    assert.deepEqual([bench.keeper.kept, bench.keeper.undone], [[], []])
  })

  it('changes nothing by GET', async () => {
    const bench = makeBench()
    for (const verb of ['on', 'off'])
      assert.equal((await bench.ask(`/workers/w1/${verb}`, withKey())).status, 405)
    assert.deepEqual(bench.fleet.wishes, [])
  })
})

describe('GET /workers/{id}/logs', () => {
  const json = (level: string, run?: string) =>
    JSON.stringify({ at: 'x', level, text: 't', source: 'w', run })
  const lines = [
    json('debug'),
    json('info', 'r_1'),
    json('error', 'r_1'),
    '12:00:00.000 warn  w: late run=r_2',
    '{',
  ]

  it('answers all lines, or those of a level and run', async () => {
    const bench = makeBench()
    bench.fleet.logs = lines
    const read = async (query: string) => {
      const answer = await bench.ask(`/workers/w1/logs${query}`, withKey())
      return ((await answer.json()) as { logs: string[] }).logs
    }
    assert.deepEqual(await read(''), lines)
    assert.deepEqual(await read('?level=warn'), [lines[2], lines[3]])
    assert.deepEqual(await read('?level=debug'), lines.slice(0, 4))
    assert.deepEqual(await read('?run=r_1'), [lines[1], lines[2]])
    assert.deepEqual(await read('?run=r_2&level=info'), [lines[3]])
  })

  it('refuses what it does not know', async () => {
    for (const query of ['level=loud', 'follow=1', 'run=a&run=b'])
      assert.equal((await makeBench().ask(`/workers/w1/logs?${query}`, withKey())).status, 400)
  })
})

describe('GET /functions', () => {
  it('answers what the fleet serves, by group', async () => {
    const bench = makeBench()
    const items = bench.fleet.served.map((served) => ({ ...served, paused: null }))
    assert.deepEqual(await list(bench, '/functions'), { items, cursor: null })
    assert.deepEqual((await list(bench, '/functions?group=gpu')).items, items.slice(1))
    assert.equal((await bench.ask('/functions?name=x', withKey())).status, 400)
  })
})

describe('an address that takes no parameters', () => {
  it('refuses one, and nothing has changed', async () => {
    const bench = makeBench()
    for (const [method, path] of [
      ['GET', '/workers/w1'],
      ['POST', '/workers/w1/off'],
      ['POST', '/workers/w1/on'],
      ['GET', '/workers/w1/drain'],
      ['DELETE', '/workers/w1/drain'],
      ['POST', '/workers/w1/drain/force'],
      ['POST', '/fleet/off'],
      ['POST', '/fleet/on'],
    ] as const) {
      const body = path.startsWith('/fleet') ? { select: { workers: ['w1'] } } : undefined
      const answer = await bench.ask(`${path}?until=2031-01-01`, withKey(method, body))
      assert.equal(answer.status, 400, path)
      assert.match(((await answer.json()) as { detail: string }).detail, /no parameter "until"/)
    }
    assert.deepEqual(bench.fleet.wishes, [])
  })

  it('says what to send where the body is no JSON', async () => {
    const answer = await makeBench().ask('/workers/w1/off', { ...withKey('POST', {}), body: '{reason: x}' })
    assert.match(((await answer.json()) as { detail: string }).detail, /is not JSON: send an object such as/)
  })
})
