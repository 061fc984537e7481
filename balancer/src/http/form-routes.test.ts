/** Saved forms by HTTP: what is taken, what is refused, what is kept, and that nobody's work is lost. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { InvokeForm } from '@berth/protocol'
import { ManualClock } from '@berth/runtime'
import type { StoredForm, StoreWrite } from '../ports/store.ts'
import { formRoutes } from './form-routes.ts'
import { Forms, MAX_FORMS } from './forms.ts'
import { FakeKeeper, fromPage, KEY, makeBench, withKey } from './test-bench.ts'

const COUNT = { title: 'Count', cells: [{ id: 'a', function: 'word-count', input: { text: 'x' } }] }
const OTHER = { title: 'Other', cells: [{ id: 'a', function: 'hello', group: 'gpu' }] }
const AT = '2026-01-01T00:00:00.000Z'

/** What answers hold, as far as tests look at it. */
interface Shown {
  revision: string
  title: string
  createdAt: string
  updatedBy: string
  form: InvokeForm
  items: { name: string; title: string; form?: object }[]
  code: string
  errors?: { pointer: string; detail: string }[]
}

function bench(stored: readonly StoredForm[] = []) {
  const keeper = new FakeKeeper()
  const clock = new ManualClock()
  const made = makeBench({ routes: formRoutes({ forms: new Forms({ keeper, clock, stored }) }) })
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const init = withKey(method, body)
    const answer = await made.ask(path, { ...init, headers: { ...init.headers, ...headers } })
    const text = await answer.text()
    return {
      status: answer.status,
      etag: answer.headers.get('etag') ?? '',
      body: JSON.parse(text === '' ? '{}' : text) as Shown,
    }
  }
  return { ...made, keeper, clock, call }
}

function stored(name: string, body: string): StoredForm {
  return { name, revision: `r-${name}`, createdAt: AT, updatedAt: AT, updatedBy: 'key', body }
}

describe('saved forms', () => {
  test('one is saved, shown with its ETag, listed without its cells, and found by its functions', async () => {
    const { call, keeper } = bench()
    const made = await call('PUT', '/forms/count', COUNT)
    assert.equal(made.status, 201)
    assert.equal(made.etag, `"${made.body.revision}"`)
    assert.equal(made.body.updatedBy, 'key')
    assert.deepEqual(made.body.form.cells[0]?.input, { text: 'x' })
    assert.equal(made.body.form.cells[0]?.mode, 'sync')
    await call('PUT', '/forms/a.other', OTHER)
    const shown = await call('GET', '/forms/count')
    assert.deepEqual([shown.status, shown.etag, shown.body], [200, made.etag, made.body])
    const list = await call('GET', '/forms')
    assert.deepEqual(
      list.body.items.map((item: { name: string; title: string; form?: object }) => [
        item.name,
        item.title,
        item.form,
      ]),
      [
        ['a.other', 'Other', undefined],
        ['count', 'Count', undefined],
      ],
    )
    const names = async (query: string) =>
      (await call('GET', `/forms?${query}`)).body.items.map((item: { name: string }) => item.name)
    assert.deepEqual(await names('function=hello'), ['a.other'])
    assert.deepEqual(await names('group=default'), ['count'])
    assert.deepEqual(await names('group=default&function=hello'), [])
    assert.deepEqual(await names('limit=1'), ['a.other'])
    assert.equal(keeper.kept.length, 2)
  })

  test('a change needs the ETag that is there, also when two save at once', async () => {
    const { call } = bench()
    const first = await call('PUT', '/forms/count', COUNT)
    const blind = await call('PUT', '/forms/count', OTHER)
    assert.deepEqual([blind.status, blind.body.code], [428, 'PRECONDITION_REQUIRED'])
    const both = await Promise.all([
      call('PUT', '/forms/count', OTHER, { 'if-match': first.etag }),
      call('PUT', '/forms/count', { ...OTHER, title: 'Mine' }, { 'if-match': first.etag }),
    ])
    assert.deepEqual(
      both.map(({ status }) => status),
      [200, 412],
    )
    assert.equal((await call('GET', '/forms/count')).body.title, 'Other')
    // Back to the first text is another revision all the same.
    const back = await call('PUT', '/forms/count', COUNT, { 'if-match': both[0]?.etag ?? '' })
    assert.equal(back.status, 200)
    assert.notEqual(back.etag, first.etag)
    assert.equal(back.body.createdAt, first.body.createdAt)
    assert.equal((await call('PUT', '/forms/count', OTHER, { 'if-match': '*' })).status, 200)
  })

  test('one that is meant to be new does not go over another, and one that is gone does not come back', async () => {
    const { call } = bench()
    assert.equal((await call('PUT', '/forms/count', COUNT, { 'if-none-match': '*' })).status, 201)
    const again = await call('PUT', '/forms/count', OTHER, { 'if-none-match': '*' })
    assert.deepEqual([again.status, again.body.code], [412, 'PRECONDITION_FAILED'])
    const gone = await call('PUT', '/forms/none', OTHER, { 'if-match': '"r"' })
    assert.deepEqual([gone.status, gone.body.code], [412, 'PRECONDITION_FAILED'])
    assert.equal((await call('PUT', '/forms/none', OTHER, { 'if-match': '*' })).status, 412)
  })

  test('one is removed, by who has seen it or says nothing', async () => {
    const { call, keeper } = bench()
    const made = await call('PUT', '/forms/count', COUNT)
    assert.equal((await call('DELETE', '/forms/count', undefined, { 'if-match': '"old"' })).status, 412)
    assert.equal((await call('DELETE', '/forms/count', undefined, { 'if-match': made.etag })).status, 204)
    assert.equal((await call('GET', '/forms/count')).status, 404)
    assert.equal((await call('DELETE', '/forms/count')).status, 404)
    assert.deepEqual(
      keeper.kept.map(({ kind }) => kind),
      ['form-set', 'form-removed'],
    )
    assert.equal((await call('PUT', '/forms/count', COUNT)).status, 201)
  })

  test('what is wrong changes nothing', async () => {
    const { call, keeper } = bench()
    const wrong: readonly [unknown, string][] = [
      [{}, '/cells'],
      [{ cells: [] }, '/cells'],
      [{ cells: [{ id: 'a', function: 'h', runs: 'x' }] }, '/cells/0/runs'],
      [{ cells: [{ id: 'A!', function: 'h' }] }, '/cells/0/id'],
      [
        { cells: [{ id: 'a', function: 'h', links: [{ to: 'x', from: 'a', pointer: '' }] }] },
        '/cells/0/links/0/to',
      ],
      [{ cells: Array.from({ length: 13 }, (_, n) => ({ id: `a${n}`, function: 'h' })) }, '/cells'],
      [{ title: 'x'.repeat(201), cells: COUNT.cells }, '/title'],
    ]
    for (const [body, pointer] of wrong) {
      const answer = await call('PUT', '/forms/count', body)
      assert.deepEqual([answer.status, answer.body.errors?.[0]?.pointer], [400, pointer])
    }
    const large = { cells: [{ id: 'a', function: 'h', input: { text: 'x'.repeat(65_536) } }] }
    assert.equal((await call('PUT', '/forms/count', large)).status, 413)
    assert.equal((await call('PUT', '/forms/a%20b', COUNT)).status, 400)
    assert.equal((await call('PUT', '/forms/count?x=1', COUNT)).status, 400)
    assert.equal((await call('PUT', '/forms/count', COUNT, { 'if-match': 'r1' })).status, 400)
    assert.equal((await call('PUT', '/forms/count', COUNT, { 'if-none-match': '"r"' })).status, 400)
    assert.equal((await call('GET', '/forms?x=1')).status, 400)
    assert.deepEqual(keeper.kept, [])
  })

  test('one that cannot be written is not there, and what may still arrive is undone', async () => {
    const { call, keeper } = bench()
    const first = await call('PUT', '/forms/count', COUNT)
    keeper.failure = 'the disk is full'
    const failed = await call('PUT', '/forms/count', OTHER, { 'if-match': first.etag })
    assert.deepEqual([failed.status, failed.body.code], [503, 'STORE_UNAVAILABLE'])
    assert.equal((await call('DELETE', '/forms/count')).status, 503)
    assert.equal((await call('PUT', '/forms/new', OTHER)).status, 503)
    assert.deepEqual((await call('GET', '/forms/count')).body, first.body)
    assert.equal((await call('GET', '/forms/new')).status, 404)
    const undone = keeper.undone.map((write: StoreWrite) =>
      write.kind === 'form-set' ? write.form.revision : write.kind,
    )
    assert.deepEqual(undone, [first.body.revision, first.body.revision, 'form-removed'])
  })

  test('what is stored is there again, and one that nobody can read is left out', async () => {
    const { call } = bench([
      stored('good', JSON.stringify(COUNT)),
      stored('newer', JSON.stringify({ ...COUNT, later: true })),
      stored('broken', '{'),
    ])
    const list = await call('GET', '/forms')
    assert.deepEqual(
      list.body.items.map((item: { name: string }) => item.name),
      ['good'],
    )
    assert.equal((await call('GET', '/forms/good')).etag, '"r-good"')
  })

  test('there are at most so many, and one that is there can still be changed', async () => {
    const all = Array.from({ length: MAX_FORMS }, (_, n) => stored(`f${n}`, JSON.stringify(COUNT)))
    const { call } = bench(all)
    const more = await call('PUT', '/forms/more', COUNT)
    assert.deepEqual([more.status, more.body.code], [409, 'CONFLICT'])
    assert.equal((await call('PUT', '/forms/f1', OTHER, { 'if-match': '"r-f1"' })).status, 200)
  })

  test('a page of another site changes nothing, nor does anybody without a key', async () => {
    const { ask, signIn, keeper } = bench()
    const cookie = signIn()
    const foreign = fromPage(cookie, 'PUT', COUNT)
    const headers = { ...foreign.headers, origin: 'http://evil.test', 'sec-fetch-site': 'cross-site' }
    assert.equal((await ask('/forms/count', { ...foreign, headers })).status, 403)
    assert.equal((await ask('/forms/count', { method: 'PUT', body: JSON.stringify(COUNT) })).status, 401)
    assert.deepEqual(keeper.kept, [])
    const own = await ask('/forms/count', fromPage(cookie, 'PUT', COUNT))
    assert.equal(own.status, 201)
    assert.match(((await own.json()) as { updatedBy: string }).updatedBy, /^session /)
    assert.ok(!JSON.stringify(keeper.kept).includes(KEY))
  })
})
