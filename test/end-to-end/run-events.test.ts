/** Runs that are followed while they go on, through real processes: resumed by another connection, over a `kill -9`. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { RunView } from '@berth/protocol'
import {
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { EventSource } from '../harness/event-source.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { type StreamFleet, writeStreamFleet } from './stream-fleet.ts'

const word = (text: string) => (event: { data: unknown }) => (event.data as { text?: string })?.text === text
const isLast = ({ event }: { event: string }) => event === 'result' || event === 'error'

describe('events of a run', () => {
  const scope = createScope()
  let fleet: StreamFleet
  let worker: Worker
  let balancer: Balancer

  before(async () => {
    fleet = await writeStreamFleet(await makeFolder(scope, 'fleet'))
    worker = await startWorker(scope, { folder: fleet.folder, env: { SLOTS: '20' } })
    balancer = await startBalancer(scope, {
      workers: [{ url: worker.url, name: 'w1' }],
      env: { SHUTDOWN_TIMEOUT: '50s' },
    })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  async function begin(words: readonly string[], more: object = {}): Promise<string> {
    const answer = await postTask(balancer, { function: 'words', input: { words, ...more }, async: true })
    assert.equal(answer.status, 202, answer.text)
    return (answer.body as { runId: string }).runId
  }

  const eventsOf = (run: string, after?: string) =>
    EventSource.open(`${balancer.url}/runs/${run}/events`, after)

  test('come as they are made, are resumed behind any of them, and end', { timeout: 60_000 }, async () => {
    const words = ['eins', 'zwei\n\ndata: x', 'drei 🎈']
    const run = await begin(words)
    const source = await eventsOf(run)
    assert.equal(source.status, 200)
    const first = await source.until(word('eins'), 'the first chunk')
    const second = await eventsOf(run, first.id)
    for (const [index, each] of words.entries()) {
      await source.until(word(each), each)
      const { progress } = (await balancer.request(`/runs/${run}`)).body as RunView
      // It comes right behind the chunk.
      const passed = [index, index + 1].map((count) => (count === 0 ? undefined : count / words.length))
      assert.ok(passed.includes(progress?.fraction), JSON.stringify(progress))
      await fleet.tell(each)
    }
    await source.ended
    await second.ended
    const numbers = source.events.map(({ id }) => Number(id))
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    )
    assert.equal(new Set(numbers).size, numbers.length)
    assert.deepEqual(
      source.events
        .map(({ event, data }) => [event, (data as { text?: string }).text ?? data])
        .filter(([event]) => event !== 'status'),
      [
        ...words.flatMap((each, index) => [
          ['chunk', each],
          ['log', `said ${each}`],
          ['progress', { fraction: (index + 1) / words.length }],
        ]),
        ['result', { words: 3 }],
      ],
    )
    assert.deepEqual(
      source.events
        .filter(({ event }) => event === 'status')
        .map(({ data }) => (data as { status: string }).status),
      ['queued', 'running', 'completed'],
    )
    assert.deepEqual(
      second.events,
      source.events.filter(({ id }) => Number(id) > Number(first.id)),
    )
    const again = await eventsOf(run)
    await again.ended
    assert.deepEqual(again.events, source.events)
    assert.equal((await eventsOf(run, source.events.at(-1)?.id)).status, 204)
    const logs = (await balancer.request(`/runs/${run}/logs`)).body as { logs: string[]; dropped: number }
    assert.deepEqual(
      logs.logs.map((line) => (JSON.parse(line) as { text: string }).text),
      words.map((each) => `said ${each}`),
    )
    assert.equal(logs.dropped, 0)
  })

  test('of a run that fails end with its error', { timeout: 60_000 }, async () => {
    await fleet.tell('f1')
    const run = await begin(['f1'], { fails: true })
    const source = await eventsOf(run)
    await source.ended
    const last = source.events.at(-1)
    assert.deepEqual(
      [last?.event, last?.data],
      ['error', { code: 'FUNCTION_FAILED', message: 'the end is missing' }],
    )
  })

  test('hold nothing for clients that have left', { timeout: 90_000 }, async () => {
    const run = await begin(['l1'])
    for (let round = 0; round < 22; round++) {
      const sources = await Promise.all(Array.from({ length: 50 }, () => eventsOf(run)))
      assert.deepEqual([...new Set(sources.map(({ status }) => status))], [200], `round ${round}`)
      for (const source of sources) source.leave()
      await Promise.all(sources.map(({ ended }) => ended))
    }
    const last = await eventsOf(run)
    await fleet.tell('l1')
    await last.ended
    assert.equal(last.events.at(-1)?.event, 'result')
  })

  test('do not hold up a balancer that ends', { timeout: 60_000 }, async () => {
    const run = await begin(['d1'])
    const source = await eventsOf(run)
    await source.until(word('d1'), 'the chunk')
    const { port, dataDir, workersFile } = balancer
    // Far below what it may take when something holds it up.
    await balancer.stop(30_000)
    await source.ended
    balancer = await startBalancer(scope, {
      env: { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile },
    })
    const resumed = await eventsOf(run, source.events.at(-1)?.id)
    await fleet.tell('d1')
    await resumed.ended
    assert.equal(resumed.events.at(-1)?.event, 'result')
    await waitForWorkers(balancer, 1)
  })

  test('of a task in memory are its statuses and its end', { timeout: 60_000 }, async () => {
    const calling = postTask(balancer, { function: 'words', input: { words: ['m1'] } })
    let run = ''
    while (run === '') {
      const { items } = (await balancer.request('/runs?status=running')).body as {
        items: { id: string; durable: boolean }[]
      }
      run = items.find(({ durable }) => !durable)?.id ?? ''
    }
    const source = await eventsOf(run)
    await source.until(({ event }) => event === 'status')
    await fleet.tell('m1')
    assert.equal((await calling).status, 200)
    await source.ended
    assert.deepEqual(source.events.at(-1)?.event, 'result')
    assert.equal((await eventsOf('r_00000000000000000000000000')).status, 404)
  })

  test('go on over a killed balancer, for who resumes and for who begins anew', {
    timeout: 90_000,
  }, async () => {
    const words = ['k1', 'k2', 'k3']
    const run = await begin(words)
    const source = await eventsOf(run)
    await source.until(word('k1'), 'the first chunk')
    await fleet.tell('k1')
    await source.until(word('k2'), 'the second chunk')
    const fraction = 2 / words.length
    await source.until(({ data }) => (data as { fraction?: number }).fraction === fraction, 'progress')
    // Who reads the lines reads them from the disk, and with them all that was told before.
    await balancer.request(`/runs/${run}/logs`)
    await balancer.kill9()
    await source.ended
    const seen = source.events.at(-1)?.id
    const { port, dataDir, workersFile } = balancer
    balancer = await startBalancer(scope, {
      env: { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile },
    })
    const resumed = await eventsOf(run, seen)
    await fleet.tell('k2')
    await resumed.until(word('k3'), 'the third chunk')
    await fleet.tell('k3')
    await resumed.ended
    assert.ok(resumed.events.every(({ id }) => Number(id) > Number(seen)))
    assert.ok(resumed.events.at(-1) && isLast(resumed.events.at(-1) as { event: string }))
    const whole = await eventsOf(run)
    await whole.ended
    assert.deepEqual(whole.events, [...source.events, ...resumed.events])
    assert.deepEqual(
      whole.events
        .filter(({ event }) => event === 'chunk')
        .map(({ data }) => (data as { text: string }).text),
      words,
    )
  })
})
