/**
 * G17: two operators act at the same moment, one with the key and one with a session, while tasks run. Whatever
 * the order, each is told clearly, what holds in the end is one of the two decisions as a whole, the log names
 * who made it, and no task of the load fails. `PUT /config/workers` with `If-Match` comes in a later step; until
 * then two editors of workers.json replace the file by renaming.
 */
import assert from 'node:assert/strict'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { keepCalling } from '../end-to-end/load.ts'
import { type Answer, KEYS } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS, Site } from './site.ts'
import type { Call } from './story.ts'

const ROUNDS = 40
const HOUR_MS = 3_600_000

type Operator = (path: string, body?: object, method?: string) => Promise<Answer>
type Held = { reason: string | null; until: string | null; deadline: string | null; owner: string | null }
type Shown = { status: string; tags: Record<string, string>; maintenance: (Held & { by: string }) | null }

describe('two operators', { timeout: 500_000 }, () => {
  const scope = createScope()
  let site: Site
  /** Who has the key, and who has signed in; `names` is what the log calls them. */
  let operators: readonly [Operator, Operator]
  const names = ['key', ''] as [string, string]
  before(async () => {
    site = await Site.start(scope, {
      workers: [{ slots: 4 }, { slots: 4 }, { slots: 4 }],
      env: { LOG_LEVEL: 'info' },
    })
    operators = [withKey(site), await signIn(site)]
  })
  after(() => scope.end())

  /** The same two at once, each of them first as often as the other, by nothing to three milliseconds. */
  async function race(round: number, ...acts: readonly [() => Promise<Answer>, () => Promise<Answer>]) {
    const [one, other] = round % 2 === 0 ? acts : acts.toReversed()
    const aheadMs = (round >> 1) % 4
    const answers = await Promise.all([one?.(), aheadMs === 0 ? other?.() : pause(aheadMs).then(other)])
    return (round % 2 === 0 ? answers : answers.toReversed()) as [Answer, Answer]
  }

  async function show(id: string): Promise<Shown> {
    return (await site.balancer.request(`/workers/${id}`)).body as Shown
  }

  /** Lines of the log about what operators did, from a mark on. */
  function decisions(from: number): Record<string, unknown>[] {
    const isDecision = /^(worker put|limits changed)/
    return site.balancer.logLines().filter(({ text }, at) => at >= from && isDecision.test(String(text)))
  }

  /** Those of two operators who have had their answers; the lines come by a pipe, which may be slower. */
  async function bothDecisions(from: number): Promise<Record<string, unknown>[]> {
    await until(() => decisions(from).length >= 2, LIMIT_MS, 'each decision has its line')
    return decisions(from)
  }

  /** Tasks go on all the time; what is asked for by operators does not touch one of them. */
  async function underLoad(act: () => Promise<void>): Promise<void> {
    const load = keepCalling(6, (): Promise<Call> => site.call({ ms: 4 }))
    try {
      await act()
    } finally {
      const done = await load.end()
      assert.deepEqual(
        done.filter(({ status }) => status !== 200).map(({ status, code }) => [status, code]),
        [],
      )
    }
    await site.judge()
  }

  test('G17: off and off, off and on: one decision holds as a whole, here, in the log and at the worker', async () => {
    await site.begin()
    const [a, b] = operators
    await underLoad(async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const from = site.balancer.logLines().length
        const mine = { reason: `a ${round}`, deadline: later(round) }
        const theirs = { reason: `b ${round}`, until: later(round + 7) }
        const isOn = round % 4 > 1
        const answers = await race(
          round,
          () => a('/workers/w1/off', mine),
          () => (isOn ? b('/workers/w1/on') : b('/workers/w1/off', theirs)),
        )
        for (const { status, text } of answers) assert.equal(status, 200, text)
        const audit = await bothDecisions(from)
        assert.equal(audit.length, 2, 'each decision has one line')
        assert.deepEqual(new Set(audit.map(({ by }) => by)), new Set(names))
        const last = audit.at(-1)
        const held = (await show('w1')).maintenance
        const wanted =
          last?.text === 'worker put back in service'
            ? null
            : last?.by === names[0]
              ? { reason: mine.reason, until: null, deadline: mine.deadline, owner: names[0] }
              : { reason: theirs.reason, until: theirs.until, deadline: null, owner: names[1] }
        assert.deepEqual(held && pick(held), wanted)
      }
      await agreeAtWorker(0)
      assert.equal((await a('/workers/w1/on')).status, 200)
    })
  })

  test('G17: the last of two decisions is what a killed balancer comes back with', async () => {
    await site.begin()
    const [a, b] = operators
    for (const round of [0, 1]) {
      await race(
        round,
        () => a('/workers/w2/off', { reason: `a ${round}`, deadline: later(1) }),
        () => b('/workers/w2/off', { reason: `b ${round}`, until: later(2) }),
      )
      const held = (await show('w2')).maintenance
      await site.killBalancer()
      const restarted = site.restartBalancer()
      await until(async () => (await show('w2')).maintenance !== null, LIMIT_MS, 'it remembers')
      assert.deepEqual((await show('w2')).maintenance, held)
      await withKey(site)('/workers/w2/on')
      await restarted
    }
    operators = [withKey(site), await signIn(site)]
  })

  test('G17: one stops a drain or puts a group away while the other brings it back', async () => {
    await site.begin()
    const [a, b] = operators
    await underLoad(async () => {
      for (let round = 0; round < ROUNDS; round++) {
        assert.equal((await a('/workers/w1/off', { deadline: later(1) })).status, 200)
        const from = site.balancer.logLines().length
        const answers = await race(
          round,
          () => a('/workers/w1/drain', undefined, 'DELETE'),
          () => b('/fleet/on', { select: { workers: ['w1'] } }),
        )
        for (const { status, text } of answers) assert.equal(status, 200, text)
        // Taking a deadline away is no order to go, so whoever said "on" has it.
        assert.equal((await show('w1')).maintenance, null, JSON.stringify(decisions(from)))

        const [off, on] = await race(
          round,
          () => a('/fleet/off', { select: { workers: ['w1', 'w2'] }, reason: `a ${round}` }),
          () => b('/fleet/on', { select: { workers: ['w2', 'w1'] } }),
        )
        for (const { body } of [off, on]) assert.equal((body as { changed: number }).changed, 2)
        const held = await Promise.all(['w1', 'w2'].map(async (id) => (await show(id)).maintenance?.reason))
        assert.equal(new Set(held).size, 1, `half of one and half of the other: ${held}`)
        assert.equal((await b('/fleet/on', { select: { workers: ['w1', 'w2'] } })).status, 200)
      }
      await agreeAtWorker(0)
      await agreeAtWorker(1)
    })
  })

  test('G17: limits: what each of two sets stays, and of what both set one holds whole', async () => {
    await site.begin()
    const [a, b] = operators
    const path = '/functions/default/probe'
    await underLoad(async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const from = site.balancer.logLines().length
        const mine = {
          rate: { limit: 100_000 + round, perMs: 1_000 },
          fairness: { a: { weight: 2 + round } },
        }
        const theirs = {
          rate: { limit: 200_000 + round, perMs: 2_000 },
          fairness: { b: { weight: 3 + round } },
          concurrency: 500 + round,
        }
        const answers = await race(
          round,
          () => a(path, mine, 'PATCH'),
          () => b(path, theirs, 'PATCH'),
        )
        for (const { status, text } of answers) assert.equal(status, 200, text)
        const { rate, concurrency, fairness } = (await a(path, undefined, 'GET')).body as {
          rate: object
          concurrency: number
          fairness: Record<string, { weight: number }>
        }
        assert.deepEqual(
          [concurrency, fairness.a?.weight, fairness.b?.weight],
          [500 + round, 2 + round, 3 + round],
        )
        const audit = await bothDecisions(from)
        assert.equal(audit.length, 2)
        assert.deepEqual(rate, audit.at(-1)?.by === names[0] ? mine.rate : theirs.rate)
      }
      const cleared = await a(path, { rate: null, concurrency: null, fairness: null }, 'PATCH')
      assert.equal(cleared.status, 200)
    })
  })

  test('G17: two editors of workers.json, and one who says "on": the file as a whole, and the file is the master', async () => {
    await site.begin()
    const [a] = operators
    const path = site.balancer.workersFile
    const plain = site.workers.map(({ url }, index) => ({ url, name: `w${index + 1}` }))
    const entriesBy = (editor: string, isAway: boolean) =>
      plain.map((entry) => ({
        ...entry,
        tags: { editor },
        ...(isAway && entry.name === 'w1' ? { maintenance: true } : {}),
      }))
    await underLoad(async () => {
      for (let round = 0; round < ROUNDS / 4; round++) {
        await Promise.all(
          ['a', 'b'].map(async (who) => {
            await writeFile(`${path}.${who}`, JSON.stringify(entriesBy(`${who}${round}`, who === 'a')))
            await rename(`${path}.${who}`, path)
          }),
        )
        const [{ tags: wanted }] = JSON.parse(await readFile(path, 'utf8')) as [{ tags: { editor: string } }]
        const on = await a('/workers/w1/on')
        assert.ok(on.status === 200 || on.status === 409, on.text)
        if (on.status === 409) assert.match(on.text, /workers\.json says/)
        await until(
          async () => {
            const shown = await Promise.all(['w1', 'w2', 'w3'].map(show))
            return shown.every(({ tags }) => tags.editor === wanted.editor)
          },
          LIMIT_MS,
          `all entries are of the editor who was last, ${wanted.editor}`,
        )
        const by = wanted.editor === `a${round}` ? 'file' : null
        // The worker's own word follows the file's a moment later.
        await until(
          async () => ((await show('w1')).maintenance?.by ?? null) === by,
          LIMIT_MS,
          `w1 is in maintenance by ${by}`,
        )
      }
      await writeFile(`${path}.a`, JSON.stringify(plain))
      await rename(`${path}.a`, path)
      await site.waitForStatus(0, 'ready')
    })
  })

  /** Its own word follows that of the balancer. */
  async function agreeAtWorker(index: number): Promise<void> {
    const isAway = (await show(`w${index + 1}`)).maintenance !== null
    await until(
      async () => {
        const { body } = await site.worker(index).request('/health')
        return ((body as { status: string }).status === 'maintenance') === isAway
      },
      LIMIT_MS,
      `w${index + 1} itself says ${isAway ? 'maintenance' : 'ready'}`,
    )
  }

  async function signIn({ balancer }: Site): Promise<Operator> {
    const signedIn = await balancer.request('/sign-in', {
      method: 'POST',
      headers: { authorization: '', 'content-type': 'application/json' },
      body: JSON.stringify({ key: KEYS.caller }),
    })
    assert.equal(signedIn.status, 200, signedIn.text)
    const headers = {
      authorization: '',
      cookie: signedIn.headers.getSetCookie()[0]?.split(';')[0] ?? '',
      origin: balancer.url,
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/json',
    }
    const act: Operator = (path, body = {}, method = 'POST') =>
      balancer.request(path, { method, headers, body: JSON.stringify(body) })
    const from = balancer.logLines().length
    assert.equal((await act('/workers/w3/off')).status, 200)
    assert.equal((await act('/workers/w3/on')).status, 200)
    const [, last] = await bothDecisions(from)
    names[1] = String(last?.by)
    assert.notEqual(names[1], 'key', 'the log names the session')
    await site.waitForStatus(2, 'ready')
    return act
  }
})

function withKey({ balancer }: Site): Operator {
  return (path, body, method = 'POST') =>
    balancer.request(path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
}

function later(hours: number): string {
  return new Date(Date.now() + (hours + 1) * HOUR_MS).toISOString()
}

function pick({ reason, until: untilAt, deadline, owner }: Held): Held {
  return { reason, until: untilAt, deadline, owner }
}
