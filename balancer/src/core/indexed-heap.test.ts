/** The heap against a sorted array, under random operations. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IndexedHeap } from './indexed-heap.ts'
import { seededRandom } from './test-scheduler.ts'

interface Member {
  rank: number
  readonly id: number
  index: number
}

const makeHeap = () =>
  new IndexedHeap<Member>({
    isBefore: (a, b) => a.rank < b.rank,
    getIndex: (member) => member.index,
    setIndex: (member, index) => {
      member.index = index
    },
  })

test('random operations leave what a sorted array would hold', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed)
    const heap = makeHeap()
    let model: Member[] = []
    for (let step = 0; step < 500; step++) {
      const choice = random()
      const any = model[Math.floor(random() * model.length)]
      if (choice < 0.45 || !any) {
        const member = { rank: Math.floor(random() * 50), id: step, index: -1 }
        heap.add(member)
        model.push(member)
      } else if (choice < 0.65) {
        any.rank = Math.floor(random() * 50)
        heap.update(any)
      } else if (choice < 0.85) {
        heap.remove(any)
        model = model.filter((member) => member !== any)
        assert.equal(any.index, -1)
      } else {
        const first = heap.removeFirst()
        model = model.filter((member) => member !== first)
      }
      const least = Math.min(...model.map(({ rank }) => rank))
      assert.equal(heap.first?.rank ?? Number.POSITIVE_INFINITY, least, `seed ${seed}, step ${step}`)
      assert.equal(heap.size, model.length)
      for (const [index, member] of heap.members.entries()) assert.equal(member.index, index)
    }
    const drained: number[] = []
    for (let next = heap.removeFirst(); next; next = heap.removeFirst()) drained.push(next.rank)
    assert.deepEqual(
      drained,
      model.map(({ rank }) => rank).sort((a, b) => a - b),
    )
  }
})

test('a member that is not in the heap is neither moved nor removed', () => {
  const heap = makeHeap()
  const stranger = { rank: 1, id: 1, index: -1 }
  heap.update(stranger)
  heap.remove(stranger)
  assert.equal(heap.size, 0)
  assert.equal(heap.has(stranger), false)
  assert.equal(heap.removeFirst(), undefined)
})

test('the first that is wanted, without looking at all behind it', () => {
  const random = seededRandom(3)
  const heap = makeHeap()
  const model = Array.from({ length: 1_000 }, (_, id) => ({ rank: random(), id, index: -1 }))
  for (const member of model) heap.add(member)
  const sorted = model.toSorted((a, b) => a.rank - b.rank)
  for (const at of [0, 1, 7, 100, 999]) {
    const wanted = new Set(sorted.slice(at))
    let looks = 0
    const found = heap.findFirst((member) => {
      looks++
      return wanted.has(member)
    })
    assert.equal(found, sorted[at])
    assert.equal(looks, at + 1)
  }
  assert.equal(
    heap.findFirst(() => false),
    undefined,
  )
  assert.equal(
    makeHeap().findFirst(() => true),
    undefined,
  )
})
