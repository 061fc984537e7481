/** An operator's limits by HTTP: what is taken, what is refused, what is kept, and what the core hears. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { StoredSettings } from '../ports/store.ts'
import { Settings } from './settings.ts'
import { FakeOperator, makeBench, makeFunction, withKey } from './test-bench.ts'

const HELLO = '/functions/default/hello'
const GROUP = '/groups/default'
const hello = { group: 'default', function: 'hello' }
const group = { group: 'default', function: undefined }
const NOTHING = {
  concurrency: null,
  rate: null,
  paused: null,
  defaultContract: null,
  background: null,
  keepWarm: null,
  fairness: {},
  used: { concurrency: null, rate: null },
}

type Bench = ReturnType<typeof makeBench>
type Paused = { since: string; until: string | null; reason: string | null; by?: string } | null

/** What answers hold, as far as tests look at it. */
interface Shown {
  name: string
  concurrency: number | null
  rate: object | null
  paused: Paused
  defaultContract: number | null
  background: boolean | null
  keepWarm: boolean | null
  fairness: Record<string, { weight: number | null; concurrency: number | null }>
  items: { paused: Paused; background: boolean; keepWarm: boolean }[]
  code: string
  detail: string
  errors: { pointer: string; detail: string }[]
}

async function patch(bench: Bench, path: string, body: unknown) {
  const answer = await bench.ask(path, withKey('PATCH', body))
  return { status: answer.status, body: (await answer.json()) as Shown }
}

async function patchText(bench: Bench, path: string, body: string) {
  const answer = await bench.ask(path, { ...withKey('PATCH'), body })
  return { status: answer.status, body: (await answer.json()) as Shown }
}

async function show(bench: Bench, path: string) {
  const answer = await bench.ask(path, withKey())
  return { status: answer.status, body: (await answer.json()) as Shown }
}

function instant(bench: Bench, inMs: number): string {
  return new Date(bench.clock.wallMs() + inMs).toISOString()
}

describe('settings', () => {
  test('nothing is set at first, and a function shows that', async () => {
    const bench = makeBench()
    assert.deepEqual(await show(bench, HELLO), {
      status: 200,
      body: { group: 'default', name: 'hello', ...NOTHING },
    })
    assert.deepEqual((await show(bench, GROUP)).body, { group: 'default', ...NOTHING })
    assert.deepEqual((await patch(bench, HELLO, {})).body, { group: 'default', name: 'hello', ...NOTHING })
    assert.deepEqual([bench.keeper.kept, bench.operator.told], [[], []])
  })

  test('a change is kept, told to the core, answered whole with what is used, and logged with its author', async () => {
    const bench = makeBench()
    bench.operator.used = 2
    const { status, body } = await patch(bench, HELLO, {
      concurrency: 3,
      rate: { limit: 10, perMs: 1000 },
      fairness: { vip: { weight: 3 }, batch: { concurrency: 1, paused: { reason: 'night' } } },
    })
    const since = instant(bench, 0)
    const paused = { since, until: null, reason: 'night' }
    assert.equal(status, 200)
    assert.deepEqual(body, {
      group: 'default',
      name: 'hello',
      ...NOTHING,
      concurrency: 3,
      rate: { limit: 10, perMs: 1000 },
      fairness: {
        vip: { weight: 3, concurrency: null, paused: null, used: { concurrency: null } },
        batch: { weight: null, concurrency: 1, paused, used: { concurrency: 2 } },
      },
      used: { concurrency: 2, rate: 2 },
    })
    assert.deepEqual(bench.keeper.kept, [
      {
        kind: 'settings-set',
        settings: {
          ...hello,
          concurrency: 3,
          rate: { limit: 10, perMs: 1000 },
          paused: null,
          defaultContract: null,
          background: null,
          keepWarm: null,
          fairness: [
            { key: 'vip', weight: 3, concurrency: null, paused: null },
            { key: 'batch', weight: null, concurrency: 1, paused },
          ],
        },
      },
    ])
    assert.deepEqual(bench.operator.last(hello).rate, { limit: 10, perMs: 1000 })
    assert.equal(bench.operator.last({ ...hello, fairnessKey: 'vip' }).weight, 3)
    assert.equal(bench.operator.last({ ...hello, fairnessKey: 'batch' }).paused?.reason, 'night')
    assert.deepEqual((await show(bench, HELLO)).body, body)
    const line = bench.log.entries().find(({ text }) => text === 'limits changed')
    assert.deepEqual([line?.group, line?.function, line?.by], ['default', 'hello', 'key'])
    assert.match(String(line?.change), /"concurrency":3.*"vip":\{"weight":3\}/)
  })

  test('a PATCH merges: what is left out stays, null takes back, keys one by one', async () => {
    const bench = makeBench()
    await patch(bench, GROUP, {
      concurrency: 3,
      defaultContract: 1,
      fairness: { a: { weight: 2, concurrency: 4 }, b: { weight: 5 }, c: { weight: 7 } },
    })
    const told = bench.operator.told.length
    const { body } = await patch(bench, GROUP, {
      concurrency: null,
      rate: { limit: 1, perMs: 50 },
      fairness: { a: { weight: null }, b: null },
    })
    assert.deepEqual([body.concurrency, body.defaultContract, body.rate], [null, 1, { limit: 1, perMs: 50 }])
    assert.deepEqual(Object.keys(body.fairness), ['a', 'c'])
    assert.deepEqual([body.fairness.a?.weight, body.fairness.a?.concurrency], [null, 4])
    const targets = bench.operator.told.slice(told).map(({ target }) => target.fairnessKey)
    assert.deepEqual(targets, [undefined, 'a', 'b'], 'what stays is not told again')
    assert.deepEqual(bench.operator.last({ ...group, fairnessKey: 'b' }), {})

    await patch(bench, GROUP, { rate: null, defaultContract: null, fairness: null })
    assert.deepEqual(bench.keeper.kept.at(-1), {
      kind: 'settings-cleared',
      group: 'default',
      function: null,
    })
    assert.deepEqual((await show(bench, GROUP)).body, { group: 'default', ...NOTHING })
    assert.deepEqual(bench.operator.last({ ...group, fairnessKey: 'c' }), {})
  })

  test('a pause has a beginning that stays, ends by itself, and can be ended', async () => {
    const bench = makeBench()
    const since = instant(bench, 0)
    await patch(bench, HELLO, { paused: { reason: 'migration' } })
    bench.clock.advance(1000)
    const until = instant(bench, 5000)
    const { body } = await patch(bench, HELLO, { paused: { until: until.replace('Z', '+00:00') } })
    assert.deepEqual(body.paused, { since, until, reason: null })
    assert.deepEqual(bench.operator.last(hello).paused, {
      untilAt: bench.clock.monoMs() + 5000,
      reason: undefined,
    })
    bench.clock.advance(5000)
    assert.equal((await show(bench, HELLO)).body.paused, null)
    const again = await patch(bench, HELLO, { paused: {} })
    assert.deepEqual(again.body.paused, { since: instant(bench, 0), until: null, reason: null })
    assert.equal((await patch(bench, HELLO, { paused: null })).body.paused, null)
    assert.equal(bench.operator.last(hello).paused, undefined)
    assert.equal(bench.keeper.kept.at(-1)?.kind, 'settings-cleared')
  })

  test('a pause that says no reason has that of the header, null means none', async () => {
    const bench = makeBench()
    const pauses = [{}, { reason: 'own' }, { reason: null }]
    const reasons: unknown[] = []
    for (const paused of pauses) {
      const ask = withKey('PATCH', { paused, fairness: { batch: { paused } } })
      const headers = { ...ask.headers, 'x-reason': 'night%20shift' }
      const { paused: shown, fairness } = (await (await bench.ask(HELLO, { ...ask, headers })).json()) as {
        paused: Paused
        fairness: Record<string, { paused: Paused }>
      }
      reasons.push([shown?.reason, fairness.batch?.paused?.reason])
    }
    assert.deepEqual(reasons, [
      ['night shift', 'night shift'],
      ['own', 'own'],
      [null, null],
    ])
  })

  test('GET /functions shows the pause of the function, else that of its group', async () => {
    const bench = makeBench()
    bench.fleet.served = [makeFunction('hello'), makeFunction('other'), makeFunction('paint', 'gpu')]
    const paused = async () => {
      const { body } = await show(bench, '/functions')
      return body.items.map(({ paused }) => (paused ? `${paused.by}: ${paused.reason}` : null))
    }
    assert.deepEqual(await paused(), [null, null, null])
    await patch(bench, HELLO, { paused: { reason: 'one' } })
    await patch(bench, GROUP, { paused: { reason: 'all' } })
    assert.deepEqual(await paused(), ['function: one', 'group: all', null])
  })

  test('at start the core hears what is kept, but for pauses that have ended', () => {
    const { keeper, clock, log } = makeBench()
    const operator = new FakeOperator()
    const past = { since: '1960-01-01T00:00:00.000Z', until: '1961-01-01T00:00:00.000Z', reason: null }
    const ahead = { ...past, until: new Date(clock.wallMs() + 3000).toISOString() }
    const stored: StoredSettings = {
      ...hello,
      concurrency: 3,
      rate: null,
      paused: past,
      defaultContract: 2,
      background: true,
      keepWarm: true,
      fairness: [{ key: 'k', weight: 2, concurrency: null, paused: ahead }],
    }
    const settings = new Settings({ operator, keeper, clock, log, stored: [stored] })
    assert.deepEqual([operator.last(hello).concurrency, operator.last(hello).defaultContract], [3, 2])
    assert.equal(operator.last(hello).paused, undefined)
    assert.deepEqual([settings.hasBackground, settings.backgroundOf('default', 'hello')], [true, true])
    assert.deepEqual(settings.warmthOf('default'), { all: undefined, on: ['hello'], off: [] })
    const share = operator.last({ ...hello, fairnessKey: 'k' })
    assert.deepEqual([share.weight, share.paused?.untilAt], [2, clock.monoMs() + 3000])
    assert.equal(settings.view(stored).paused, null)
    assert.deepEqual(keeper.kept, [])
  })

  test('keepWarm is kept and shown, and workers of the group are told all of it at each change', async () => {
    const bench = makeBench()
    const { settings } = bench.deps
    const listed = async () => {
      const { items } = (await show(bench, '/functions?group=default')).body
      return items.map(({ keepWarm }) => keepWarm)
    }
    assert.deepEqual([settings.warmthOf('default'), await listed()], [undefined, [false]])
    const { status, body } = await patch(bench, HELLO, { keepWarm: true })
    assert.deepEqual([status, body.keepWarm, await listed()], [200, true, [true]])
    await patch(bench, GROUP, { keepWarm: true })
    await patch(bench, HELLO, { keepWarm: false })
    await patch(bench, HELLO, { background: true })
    assert.deepEqual(await listed(), [false])
    await patch(bench, HELLO, { keepWarm: null })
    await patch(bench, GROUP, { keepWarm: null })
    assert.deepEqual([settings.warmthOf('default'), await listed()], [undefined, [false]])
    const none: readonly string[] = []
    assert.deepEqual(bench.warmth, [
      ['default', { all: undefined, on: ['hello'], off: none }],
      ['default', { all: true, on: ['hello'], off: none }],
      ['default', { all: true, on: none, off: ['hello'] }],
      ['default', { all: true, on: none, off: none }],
      ['default', { all: undefined, on: none, off: none }],
    ])
    assert.deepEqual(bench.operator.told, [])
  })

  test('background is kept and shown, and is nothing to the core', async () => {
    const bench = makeBench()
    const { settings } = bench.deps
    const listed = async () => {
      const { items } = (await show(bench, '/functions?group=default')).body
      return items.map(({ background }) => background)
    }
    assert.deepEqual([settings.hasBackground, await listed()], [false, [false]])
    const { status, body } = await patch(bench, GROUP, { background: true })
    assert.deepEqual([status, body.background], [200, true])
    assert.deepEqual([settings.hasBackground, await listed()], [true, [true]])
    assert.equal((await patch(bench, HELLO, { background: false })).body.background, false)
    assert.deepEqual([settings.backgroundOf('default', 'hello'), await listed()], [false, [false]])
    assert.equal(settings.backgroundOf('default', 'other'), true)
    assert.deepEqual(bench.operator.told, [])
    assert.equal(bench.keeper.kept.length, 2)
    await patch(bench, GROUP, { background: null })
    await patch(bench, HELLO, { background: null })
    assert.deepEqual([settings.hasBackground, settings.backgroundOf('default', 'hello')], [false, null])
    assert.deepEqual(
      bench.keeper.kept.slice(-2).map(({ kind }) => kind),
      ['settings-cleared', 'settings-cleared'],
    )
  })

  test('what cannot be written to disk changes nothing', async () => {
    const bench = makeBench()
    await patch(bench, HELLO, { concurrency: 3 })
    bench.keeper.failure = 'the disk is full'
    const told = bench.operator.told.length
    const { status, body } = await patch(bench, HELLO, { concurrency: 4 })
    assert.deepEqual([status, body.code], [503, 'STORE_UNAVAILABLE'])
    assert.match(body.detail, /the disk is full/)
    const [undone] = bench.keeper.undone
    assert.ok(undone?.kind === 'settings-set' && undone.settings.concurrency === 3)
    assert.equal(bench.operator.told.length, told)
    assert.equal((await show(bench, HELLO)).body.concurrency, 3)
  })

  test('two changes at once lose nothing of each other, and those who wait are bounded', async () => {
    const bench = makeBench()
    const answers = await Promise.all([
      patch(bench, HELLO, { concurrency: 4 }),
      patch(bench, HELLO, { fairness: { a: { weight: 2 } } }),
      patch(bench, HELLO, { fairness: { b: { weight: 3 } } }),
    ])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    )
    const { body } = await show(bench, HELLO)
    assert.deepEqual([body.concurrency, Object.keys(body.fairness)], [4, ['a', 'b']])

    const disk = Promise.withResolvers<{ ok: true }>()
    bench.keeper.keep = () => disk.promise
    const settings = bench.deps.settings
    const target = { group: 'default', function: null }
    const many = Array.from({ length: 40 }, (_, i) => settings.change(target, { concurrency: i + 1 }, 'key'))
    disk.resolve({ ok: true })
    const refused = (await Promise.all(many)).filter((changed) => !changed.ok)
    assert.equal(refused.length, 8)
  })
})

describe('which names there are', () => {
  test('unknown functions and groups are 404, whatever their spelling', async () => {
    const bench = makeBench()
    for (const path of ['/functions/default/nobody', '/functions/nobody/hello', '/functions/default/a%2Fb'])
      for (const { status, body } of [await show(bench, path), await patch(bench, path, { concurrency: 1 })])
        assert.deepEqual([status, body.code], [404, 'UNKNOWN_FUNCTION'], path)
    for (const name of ['nobody', '__proto__', 'constructor', '%2e%2e%2f', 'default%00', '%E0%A4', '%20'])
      for (const path of [`/groups/${name}`, `/functions/${name}/${name}`])
        for (const { status } of [await show(bench, path), await patch(bench, path, { concurrency: 1 })])
          assert.equal(status, 404, path)
    assert.deepEqual([bench.keeper.kept, bench.operator.told], [[], []])
  })

  test('percent-encoded names are read, and what is set is remembered beyond the fleet', async () => {
    const bench = makeBench()
    bench.fleet.served = [makeFunction('images.resize', 'g-1')]
    const path = '/functions/g%2D1/images%2Eresize'
    assert.equal((await patch(bench, path, { concurrency: 2 })).body.name, 'images.resize')
    bench.fleet.served = []
    assert.equal((await show(bench, '/functions/g-1/images.resize')).body.concurrency, 2)
    assert.equal((await show(bench, '/groups/g-1')).status, 200)
    assert.equal((await patch(bench, path, { concurrency: null })).status, 200)
    assert.equal((await show(bench, path)).status, 404)
  })

  test('a default contract that nobody has ever served is refused', async () => {
    const bench = makeBench()
    bench.fleet.served = [makeFunction('hello'), { ...makeFunction('other'), contract: 2 }]
    const refused = await patch(bench, HELLO, { defaultContract: 2 })
    assert.deepEqual([refused.status, refused.body.errors[0]?.pointer], [409, '/defaultContract'])
    assert.equal((await patch(bench, GROUP, { defaultContract: 2 })).status, 200)
    assert.equal((await patch(bench, GROUP, { defaultContract: 3 })).status, 409)
    assert.equal(bench.operator.last(group).defaultContract, 2)
  })
})

const whole = ['"1"', 'true', '[]', '{}', '0', '-1', '1.5', '1e999', '-0', '1000001', '9007199254740993']
const WRONG: readonly (readonly [string, string, string])[] = [
  ...whole.map((json) => [`{"concurrency":${json}}`, '/concurrency', 'whole number from 1'] as const),
  ...whole.map((json) => [`{"rate":{"limit":${json},"perMs":5}}`, '/rate/limit', 'whole number'] as const),
  ['{"rate":{"limit":5}}', '/rate/perMs', ''],
  ['{"rate":{"limit":5,"perMs":31536000001}}', '/rate/perMs', 'from 1 to 31536000000'],
  ['{"rate":{"limit":5,"perMs":5,"burst":1}}', '/rate/burst', 'no such field'],
  ['{"rate":5}', '/rate', 'object'],
  ['{"paused":true}', '/paused', 'object'],
  ['{"paused":{"until":"soon"}}', '/paused/until', 'instant'],
  ['{"paused":{"until":1}}', '/paused/until', 'instant'],
  ['{"paused":{"until":"2001-01-01T00:00:00Z"}}', '/paused/until', 'past'],
  ['{"paused":{"reason":""}}', '/paused/reason', 'empty'],
  ['{"paused":{"reason":"a\\u202eb"}}', '/paused/reason', 'turn the direction'],
  [`{"paused":{"reason":"${'x'.repeat(1025)}"}}`, '/paused/reason', '1024'],
  ['{"paused":{"since":"2001-01-01T00:00:00Z"}}', '/paused/since', 'no such field'],
  ['{"defaultContract":0}', '/defaultContract', 'from 1'],
  ['{"defaultContract":4294967296}', '/defaultContract', 'from 1'],
  ['{"fairness":[]}', '/fairness', 'object'],
  ['{"fairness":"k"}', '/fairness', 'object'],
  ['{"fairness":{"":{}}}', '/fairness/', '1 to 128'],
  [`{"fairness":{"${'k'.repeat(129)}":{}}}`, `/fairness/${'k'.repeat(129)}`, '1 to 128'],
  ['{"fairness":{"a/b~":5}}', '/fairness/a~1b~0', 'object'],
  ['{"fairness":{"__proto__":{"weight":0}}}', '/fairness/__proto__/weight', 'from 0.001 to 1000'],
  ...['"1"', '-1', '0', '1e999', '1001', 'true'].map(
    (json) => [`{"fairness":{"k":{"weight":${json}}}}`, '/fairness/k/weight', 'from 0.001'] as const,
  ),
  ['{"fairness":{"k":{"concurrency":0}}}', '/fairness/k/concurrency', 'from 1'],
  ['{"fairness":{"a/b":{"paused":{"until":"2001-01-01T00:00:00Z"}}}}', '/fairness/a~1b/paused/until', 'past'],
  ['{"fairness":{"k":{"share":1}}}', '/fairness/k/share', 'no such field'],
  ['{"background":"yes"}', '/background', 'must be true or false'],
  ['{"keepWarm":2}', '/keepWarm', 'must be true or false'],
  ['{"nothing":1}', '/nothing', 'no such field'],
  ['{"__proto__":{"concurrency":1}}', '/__proto__', ''],
  ['[]', '', 'object'],
  ['"x"', '', 'object'],
  ['null', '', 'object'],
]

describe('what is refused', () => {
  for (const [json, pointer, why] of WRONG)
    test(`${json.slice(0, 70)} points at ${pointer.slice(0, 40) || 'the body'}`, async () => {
      for (const path of [HELLO, GROUP]) {
        const { status, body } = await patchText(makeBench(), path, json)
        assert.deepEqual([status, body.code], [400, 'INVALID_REQUEST'])
        assert.equal(body.errors[0]?.pointer, pointer)
        assert.ok(body.errors[0]?.detail.includes(why), body.errors[0]?.detail)
      }
    })

  test('nothing that is refused changes anything', async () => {
    const bench = makeBench()
    for (const [json] of WRONG) await patchText(bench, HELLO, json)
    assert.deepEqual([bench.keeper.kept, bench.operator.told], [[], []])
  })

  test('not JSON, not UTF-8, too large, parameters', async () => {
    const bench = makeBench()
    assert.equal((await patchText(bench, HELLO, '{')).status, 400)
    assert.equal((await patchText(bench, HELLO, `"${'x'.repeat(3_000_000)}"`)).status, 413)
    assert.equal((await show(bench, `${HELLO}?x=1`)).status, 400)
    assert.equal((await patch(bench, `${GROUP}?x=1`, {})).status, 400)
  })

  test('more than 1,000 fairness keys of a group, in one change or by and by', async () => {
    const bench = makeBench()
    const keys = (count: number, from = 0) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${from + i}`, { weight: 2 }]))
    const many = await patch(bench, GROUP, { fairness: keys(10_000) })
    assert.deepEqual([many.status, many.body.errors[0]?.pointer], [400, '/fairness'])
    assert.equal((await patch(bench, GROUP, { fairness: keys(600) })).status, 200)
    assert.equal((await patch(bench, HELLO, { fairness: keys(400) })).status, 200)
    const over = await patch(bench, HELLO, { fairness: keys(1, 400) })
    assert.deepEqual([over.status, over.body.errors[0]?.pointer], [400, '/fairness'])
    assert.equal((await patch(bench, GROUP, { fairness: { k0: null } })).status, 200)
    assert.equal((await patch(bench, HELLO, { fairness: keys(1, 400) })).status, 200)
    assert.equal(Object.keys((await show(bench, GROUP)).body.fairness).length, 599)
  })

  test('any text is a fairness key, and is shown as it was given', async () => {
    const bench = makeBench()
    const names = ['__proto__', 'constructor', 'a/b', 'ü', ' ', '1']
    for (const name of names)
      assert.equal(
        (await patchText(bench, GROUP, `{"fairness":{${JSON.stringify(name)}:{"weight":3}}}`)).status,
        200,
      )
    const { body } = await show(bench, GROUP)
    assert.deepEqual(Object.keys(body.fairness).sort(), [...names].sort())
    assert.equal(bench.operator.last({ ...group, fairnessKey: '__proto__' }).weight, 3)
  })
})
