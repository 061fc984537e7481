/**
 * What every store promises of deliveries: kept with their tries, found when they are due and by when they were made,
 * none to a URL that wants no more. Run against each kind of store, like run-store.test.ts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RunWrite } from '../../balancer/src/ports/run-writes.ts'
import type { StoredDelivery } from '../../balancer/src/ports/stored-delivery.ts'
import { accepted, finished, makeDelivery, makeRun, openBench, RunBench, T0 } from './run-store-bench.ts'
import { KINDS } from './store-places.ts'

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`deliveries in a ${kind} store`, () => {
    test('a delivery is kept with its tries, and its run shows how it stands', async (context) => {
      const bench = await openBench(context, newPlace())
      await bench.write(accepted(makeRun(1), makeRun(2)))
      const delivery = makeDelivery(1, 1)
      await bench.write({ ...finished(1), delivery } as RunWrite, finished(2))
      const attempt = { n: 1, atMs: T0, durationMs: 12.5, status: 500, error: 'no' }
      const failed = {
        ...delivery,
        tries: 1,
        failures: 1,
        nextMs: T0 + 500,
        lastStatus: 500,
        lastError: 'no',
      }
      await bench.write({ kind: 'delivery-set', delivery: failed, attempt })
      assert.deepEqual(await bench.reads.delivery(delivery.id), failed)
      const second = { n: 2, atMs: T0 + 500, durationMs: 3, status: 200, error: null }
      const won = {
        ...failed,
        state: 'delivered',
        tries: 2,
        nextMs: null,
        lastStatus: 200,
        lastError: null,
      } as const
      await bench.write({ kind: 'delivery-set', delivery: won, attempt: second })
      assert.deepEqual(await bench.reads.deliveries(makeRun(1).id), [{ ...won, attempts: [attempt, second] }])
      const shown = (await bench.reads.find(makeRun(1).id))?.run
      assert.ok(shown && 'webhookState' in shown)
      assert.deepEqual([shown.webhookState, shown.deliveries], ['delivered', 2])
      await bench.write({ kind: 'delivery-set', delivery: makeDelivery(9, 99), attempt: null })
      assert.equal(await bench.reads.delivery(makeDelivery(9, 99).id), null)
      const many = Array.from({ length: 130 }, (_, at) => ({ ...attempt, n: at + 3 }))
      await bench.write(
        ...many.map((one): RunWrite => ({ kind: 'delivery-set', delivery: won, attempt: one })),
      )
      const [kept] = await bench.reads.deliveries(makeRun(1).id)
      assert.deepEqual([kept?.attempts.length, kept?.attempts[0]?.n], [100, 33])
    })

    test('deliveries that are due come by their instant, without those to a busy receiver', async (context) => {
      const bench = await openBench(context, newPlace())
      await bench.write(accepted(makeRun(1)), finished(1))
      const set = (n: number, changes: Parameters<typeof makeDelivery>[2] = {}): RunWrite => ({
        kind: 'delivery-set',
        delivery: makeDelivery(n, 1, changes),
        attempt: null,
      })
      const b = { url: 'https://b.example/x', receiver: 'https://b.example' }
      const delivered = { state: 'delivered', nextMs: null } as const
      await bench.write(set(3), set(1, b), set(2, { nextMs: T0 + 9 }), set(4, delivered), set(5, b))
      const ids = (found: readonly { id: string }[]) => found.map(({ id }) => Number(id.slice(-2)))
      assert.deepEqual(ids(await bench.reads.dueDeliveries(T0 + 9, 10, [])), [1, 3, 5, 2])
      assert.deepEqual(ids(await bench.reads.dueDeliveries(T0 + 4, 1, [])), [1])
      assert.deepEqual(ids(await bench.reads.dueDeliveries(T0 + 9, 10, [b.receiver])), [3, 2])
      assert.equal(await bench.reads.nextDeliveryMs(0), T0 + 1)
      assert.equal(await bench.reads.nextDeliveryMs(T0 + 5), T0 + 9)
      assert.equal(await bench.reads.nextDeliveryMs(T0 + 9), null)
      const between = await bench.reads.deliveriesBetween(T0 + 2, T0 + 4, null, null, 2)
      assert.deepEqual(ids(between), [2, 3])
      const last = between.at(-1) ?? null
      assert.deepEqual(ids(await bench.reads.deliveriesBetween(T0 + 2, T0 + 4, null, last, 2)), [4])
      assert.deepEqual(ids(await bench.reads.deliveriesBetween(T0, T0 + 9, b.url, null, 9)), [1, 5])
    })

    test('every delivery of a stretch of time is on one page, also of a clock that was set back', async (context) => {
      const bench = await openBench(context, newPlace())
      const instants = [5, 3, 3, 4, 9, 3, 4, 1]
      await bench.write(accepted(...instants.map((_, at) => makeRun(at + 1))))
      const makeAt = (at: number, n: number) => makeDelivery(n + 1, n + 1, { createdMs: T0 + at })
      for (const [n, at] of instants.entries())
        await bench.write({ ...finished(n + 1), delivery: makeAt(at, n) } as RunWrite)
      for (const size of [1, 2, 3]) {
        const found: StoredDelivery[] = []
        for (let after: StoredDelivery | null = null; ; ) {
          const page = await bench.reads.deliveriesBetween(T0 + 3, T0 + 5, null, after, size)
          found.push(...page)
          after = page.at(-1) ?? null
          if (page.length < size) break
        }
        assert.deepEqual(
          found.map(({ id }) => Number(id.slice(-2))),
          [2, 3, 6, 4, 7, 1],
        )
      }
    })

    test('a URL that wants no more gets no more, until it is taken up again', async (context) => {
      const place = newPlace()
      const bench = await RunBench.open(place)
      await bench.write(accepted(makeRun(1), makeRun(2)))
      const other = makeDelivery(2, 2, { url: 'https://b.example/' })
      await bench.write({ ...finished(1), delivery: makeDelivery(1, 1) } as RunWrite)
      await bench.write({ ...finished(2), delivery: other } as RunWrite)
      const { url } = makeDelivery(1, 1)
      await bench.write({ kind: 'url-disabled', url, sinceMs: T0 })
      const disabled = { ...makeDelivery(1, 1), state: 'disabled', nextMs: null }
      assert.deepEqual(await bench.reads.delivery(disabled.id), disabled)
      assert.deepEqual(await bench.reads.delivery(other.id), other)
      const run = (await bench.reads.find(makeRun(1).id))?.run
      assert.equal(run && 'webhookState' in run && run.webhookState, 'disabled')
      await bench.close()
      const second = await RunBench.open(place)
      assert.deepEqual(second.atStart.disabledUrls, [url])
      await second.write({ kind: 'url-enabled', url })
      await second.close()
      assert.deepEqual((await openBench(context, place)).atStart.disabledUrls, [])
    })
  })
}
