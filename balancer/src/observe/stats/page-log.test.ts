import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PageLog, readPage } from './page-log.ts'

const SHAPE = { columns: 18, histograms: 2, buckets: 64 }

/** The same numbers in every run. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test('what is read is what was appended, whatever its size', () => {
  const random = createRandom(5)
  const log = new PageLog(SHAPE)
  const told: { slot: number; n: number; values: number[]; counts: Map<number, number> }[] = []
  for (let slot = 0; slot < 120; slot++) {
    const values = Array.from({ length: SHAPE.columns }, () =>
      random() < 0.4 ? 0 : Math.floor(random() ** 8 * 2 ** 50),
    )
    const counts = new Map<number, number>()
    for (let at = 0; at < 12; at++) counts.set(Math.floor(random() * 128), 1 + Math.floor(random() * 2 ** 31))
    const dense = new Uint32Array(128)
    for (const [at, count] of counts) dense[at] = count
    log.append(slot, 1 + slot, Float64Array.from(values), dense)
    told.push({ slot, n: 1 + slot, values, counts })
  }
  const read: typeof told = []
  readPage(log.bytes, SHAPE, ({ slot, n, values, pairs }) => {
    const counts = new Map<number, number>()
    for (let at = 0; at < pairs.length; at += 2) counts.set(Number(pairs[at]), Number(pairs[at + 1]))
    read.push({ slot, n, values: [...values], counts })
  })
  const inOrder = (record: (typeof told)[number]) => [...record.counts].sort(([a], [b]) => a - b)
  assert.deepEqual(
    read.map((record) => ({ ...record, counts: inOrder(record) })),
    told.map((record) => ({ ...record, counts: inOrder(record) })),
  )
})

test('a record that says nothing new takes a few bytes', () => {
  const log = new PageLog(SHAPE)
  const values = new Float64Array(SHAPE.columns).fill(1_000_000)
  log.append(0, 1, values, undefined)
  const before = log.bytes.length
  log.append(1, 1, values, undefined)
  assert.equal(log.bytes.length - before, 5)
})

test('bytes that are none of ours are refused, whatever they are', () => {
  const log = new PageLog(SHAPE)
  log.append(0, 1, new Float64Array(SHAPE.columns).fill(7), undefined)
  assert.throws(() => readPage(log.bytes.subarray(0, -1), SHAPE, () => {}), RangeError)
  const random = createRandom(9)
  for (let round = 0; round < 200; round++) {
    const noise = Uint8Array.from({ length: 1 + Math.floor(random() * 60) }, () => Math.floor(random() * 256))
    let count = 0
    try {
      readPage(noise, SHAPE, () => count++)
    } catch (error) {
      assert.ok(error instanceof RangeError)
    }
    assert.ok(count <= noise.length)
  }
})

test('a page of a version that had fewer columns has zeros in those that came later', () => {
  const log = new PageLog({ columns: 3, histograms: 0, buckets: 0 })
  log.append(0, 5, Float64Array.of(5, 250, 0), undefined)
  log.append(1, 5, Float64Array.of(5, 0, 7), undefined)
  const read: number[][] = []
  readPage(log.bytes, { columns: 5, histograms: 0, buckets: 0 }, ({ values }) => read.push([...values]))
  assert.deepEqual(read, [
    [5, 250, 0, 0, 0],
    [5, 0, 7, 0, 0],
  ])
})
