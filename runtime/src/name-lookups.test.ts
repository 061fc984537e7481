import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLookups, type ResolvedAddress } from './name-lookups.ts'

function make(atOnce?: number) {
  const asked: string[] = []
  const ends = new Map<string, PromiseWithResolvers<readonly ResolvedAddress[]>>()
  const resolve = createLookups((name) => {
    asked.push(name)
    const end = Promise.withResolvers<readonly ResolvedAddress[]>()
    ends.set(name, end)
    return end.promise
  }, atOnce)
  return { asked, resolve, end: (name: string) => ends.get(name) ?? assert.fail(name) }
}

const ADDRESS = [{ address: '10.0.0.1', family: 4 }]
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('createLookups', () => {
  it('looks up three names at once, and the others in their turn', async () => {
    const { asked, resolve, end } = make()
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => resolve(name))
    await settled()
    assert.deepEqual(asked, ['a', 'b', 'c'])
    end('b').resolve(ADDRESS)
    end('a').reject(new Error('no such name'))
    assert.deepEqual(await all[1], ADDRESS)
    await assert.rejects(all[0] ?? Promise.resolve(), /no such name/)
    await settled()
    assert.deepEqual(asked, ['a', 'b', 'c', 'd', 'e'])
    for (const name of ['c', 'd', 'e']) end(name).resolve(ADDRESS)
    await Promise.all(all.slice(2))
    const next = resolve('f')
    await settled()
    assert.equal(asked.at(-1), 'f')
    end('f').resolve(ADDRESS)
    await next
  })

  it('forgets a name that could not even be asked for', async () => {
    let isFine = false
    const resolve = createLookups(async () => {
      if (!isFine) throw new TypeError('no name')
      return ADDRESS
    }, 1)
    await assert.rejects(resolve('a'), /no name/)
    isFine = true
    assert.deepEqual(await resolve('a'), ADDRESS)
  })

  it('asks once for a name that many want at the same time, and anew afterwards', async () => {
    const { asked, resolve, end } = make(1)
    const both = [resolve('a'), resolve('a')]
    await settled()
    end('a').resolve(ADDRESS)
    assert.deepEqual(await Promise.all(both), [ADDRESS, ADDRESS])
    const again = resolve('a')
    await settled()
    assert.deepEqual(asked, ['a', 'a'])
    end('a').resolve([])
    assert.deepEqual(await again, [])
  })
})
