/** Pages over a list that changes between them: nothing is left out, nothing is refused, nothing comes twice. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cutPage } from './lists.ts'

const self = (item: string) => item
const read = (
  items: readonly string[],
  query: { limit?: string; cursor?: string },
  isMeant?: (item: string) => boolean,
) => {
  const page = cutPage(items, query, self, isMeant)
  assert.ok(page.ok)
  return page.value
}
const LIST = ['a', 'b', 'c', 'd', 'e', 'f']

describe('a cursor', () => {
  const { cursor, items } = read(LIST, { limit: '2' })
  const next = { limit: '2', cursor: cursor ?? '' }

  it('goes on behind its item', () => {
    assert.deepEqual(items, ['a', 'b'])
    assert.deepEqual(read(LIST, next).items, ['c', 'd'])
    assert.equal(read(LIST, { limit: '6' }).cursor, null)
  })

  it('goes on behind its item when that has moved', () => {
    assert.deepEqual(read(['x', ...LIST], next).items, ['c', 'd'])
    assert.deepEqual(read(LIST.slice(1), next).items, ['c', 'd'])
  })

  it('goes on at its place when its item is gone', () => {
    assert.deepEqual(read(['a', 'c', 'd', 'e'], next).items, ['c', 'd'])
    assert.deepEqual(read(['a'], next), { items: [], cursor: null })
    assert.deepEqual(read([], next), { items: [], cursor: null })
  })

  it('survives that its item no longer fits the filter', () => {
    const isVowel = (item: string) => 'ae'.includes(item)
    const first = read(LIST, { limit: '1' }, isVowel)
    assert.deepEqual(first.items, ['a'])
    const rest = read(LIST, { limit: '1', cursor: first.cursor ?? '' }, (item) => item === 'e')
    assert.deepEqual(rest, { items: ['e'], cursor: null })
  })

  it('is null on the last page, also when more follow that do not fit', () => {
    assert.equal(read(LIST, { limit: '1' }, (item) => item === 'a').cursor, null)
  })

  it('asks for the key of no more items than it has to', () => {
    let asked = 0
    const count = (item: string) => {
      asked++
      return item
    }
    cutPage(LIST, next, count)
    assert.ok(asked <= 2, `${asked} keys for a cursor whose item is where it was`)
  })

  it('is refused when it is none of ours', () => {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const garbage = [
      ...['', 'x', '*', '🙂', `${cursor}=`, `${cursor}A`, 'A'.repeat(100_000), encode(null), encode({})],
      ...[encode([1]), encode([-1, 'a']), encode([1.5, 'a']), encode([1, 2]), encode(['1', 'a'])],
      ...[encode([0, 'a', 0]), encode([1e300, 'a']), Buffer.from(' [0,"a"]').toString('base64url')],
    ]
    for (const cursor of garbage) {
      const page = cutPage(LIST, { cursor }, self)
      assert.equal(page.ok ? 'taken' : page.error.code, 'INVALID_REQUEST', cursor.slice(0, 40))
    }
  })
})
