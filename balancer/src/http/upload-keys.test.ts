/** Keys for uploads: whom they let pass, for how long, and what they are good for. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ManualClock } from '@berth/runtime'
import { codeOf, fromPage, makeBench, ORIGIN, withKey } from './test-bench.ts'
import { UploadKeys, uploadKeyRoutes } from './upload-keys.ts'

function make() {
  const clock = new ManualClock()
  const live = new Set(['s1'])
  return { clock, live, keys: new UploadKeys({ clock, sessions: { isLive: (hash) => live.has(hash) } }) }
}

describe('keys for uploads', () => {
  test('one is good for a minute, in each of its forms, and more than once', () => {
    const { keys, clock } = make()
    const { key, expiresAt } = keys.make('s1')
    assert.match(key, /^up_[\w-]{43}$/)
    assert.equal(Date.parse(expiresAt), clock.wallMs() + 60_000)
    for (const header of [key, `Bearer ${key}`, `Api-Key ${key}`]) assert.ok(keys.admits(header))
    clock.advance(59_999)
    assert.ok(keys.admits(`Bearer ${key}`))
    clock.advance(1)
    assert.ok(!keys.admits(`Bearer ${key}`))
  })

  test('one ends with its session', () => {
    const { keys, live } = make()
    const { key } = keys.make('s1')
    live.delete('s1')
    assert.ok(!keys.admits(key))
    live.add('s1')
    assert.ok(!keys.admits(key), 'it does not come back')
    assert.ok(keys.admits(keys.make(null).key))
  })

  test('nothing else is one', () => {
    const { keys } = make()
    const { key } = keys.make('s1')
    for (const wrong of [undefined, '', 'up_', `${key}x`, key.slice(0, -1), 'Bearer', `Basic ${key}`])
      assert.ok(!keys.admits(wrong), String(wrong))
  })

  test('the oldest makes room', () => {
    const { keys } = make()
    const [first, second] = [keys.make('s1').key, keys.make('s1').key]
    for (let n = 0; n < 199; n++) keys.make('s1')
    assert.deepEqual([keys.admits(first), keys.admits(second)], [false, true])
  })

  test('a page of ours gets one, one of another site does not, nor a viewer, and it opens nothing but tasks', async () => {
    const keys = { current: new UploadKeys({ clock: new ManualClock(), sessions: { isLive: () => true } }) }
    const bench = makeBench({ routes: uploadKeyRoutes(keys.current) })
    const answer = await bench.ask('/upload-keys', fromPage(bench.signIn()))
    assert.equal(answer.status, 201)
    const { key } = (await answer.json()) as { key: string }
    assert.ok(keys.current.admits(key))
    assert.equal((await bench.ask('/workers', { headers: { authorization: `Bearer ${key}` } })).status, 401)
    const foreign = fromPage(bench.signIn())
    const headers = { ...foreign.headers, origin: 'http://evil.test', 'sec-fetch-site': 'cross-site' }
    assert.equal((await bench.ask('/upload-keys', { ...foreign, headers })).status, 403)
    const form = { ...foreign.headers, origin: ORIGIN, 'content-type': 'multipart/form-data; boundary=x' }
    assert.equal((await bench.ask('/upload-keys', { ...foreign, headers: form })).status, 415)
    const viewer = `berth_session=${bench.sessions.open('viewer').secret}`
    assert.equal(await codeOf(await bench.ask('/upload-keys', fromPage(viewer))), 'FORBIDDEN')
    assert.equal((await bench.ask('/upload-keys', withKey('POST', { x: 1 }))).status, 400)
  })
})
