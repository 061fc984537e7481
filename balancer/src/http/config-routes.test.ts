import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type {
  ChangeAuthor,
  ConfigApplied,
  ConfigCondition,
  ConfigVersion,
  WorkersConfigPort,
} from '../ports/workers-config.ts'
import { configRoutes } from './config-routes.ts'
import { codeOf, KEY, makeBench, withKey } from './test-bench.ts'

const ETAG = '"e1"'
const APPLIED: ConfigApplied = {
  version: 2,
  isApplied: true,
  added: [],
  removed: ['a'],
  changed: [],
  workers: 0,
  warnings: [],
  etag: '"e2"',
}

function version(number: number): ConfigVersion {
  const counts = { workers: 0, added: 0, removed: 0, changed: 0, bytes: 2 }
  const who = { at: '2026-01-01T00:00:00.000Z', who: 'file', reason: null, hash: 'h' }
  return { version: number, action: 'change', of: null, ...who, ...counts }
}

function makeConfig() {
  const asked: { text: string | number; condition: ConfigCondition; author: ChangeAuthor }[] = []
  const previews: unknown[] = []
  const config: WorkersConfigPort = {
    read: async () => ({ ok: true, value: { text: '[\n]', etag: ETAG } }),
    state: async () => ({ file: 'f', etag: ETAG, isWritable: true, readOnlyReason: null, version: 3 }),
    preview: async (draft) => {
      previews.push(draft)
      return { ok: false, error: { code: 'NOT_FOUND', detail: 'There is no version 9.' } }
    },
    write: async (text, condition, author) => {
      asked.push({ text, condition, author })
      if (condition.ifMatch === undefined)
        return { ok: false, error: { code: 'PRECONDITION_REQUIRED', detail: 'If-Match' }, etag: ETAG }
      return { ok: true, value: APPLIED }
    },
    rollBack: async (text, condition, author) => {
      asked.push({ text, condition, author })
      return { ok: true, value: APPLIED }
    },
    versions: () => [3, 2, 1].map(version),
    textOf: async (number) => (number === 2 ? '[]' : undefined),
  }
  const bench = makeBench({ routes: configRoutes({ workersConfig: config }) })
  return { asked, previews, ...bench }
}

describe('/config/workers', () => {
  test('is the text itself, with its tag', async () => {
    const { ask } = makeConfig()
    const answer = await ask('/config/workers', withKey())
    assert.deepEqual([answer.status, await answer.text(), answer.headers.get('etag')], [200, '[\n]', ETAG])
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
    const headers = { authorization: `Bearer ${KEY}`, 'if-none-match': ETAG }
    assert.equal((await ask('/config/workers', { headers })).status, 304)
  })

  test('is replaced by a text, whatever its blanks, with who asks and why', async () => {
    const { ask, asked } = makeConfig()
    const headers = {
      authorization: `Bearer ${KEY}`,
      'if-match': ETAG,
      'x-reason': encodeURIComponent('Gerät kaputt'),
    }
    const answer = await ask('/config/workers', { method: 'PUT', headers, body: '[ ]\n' })
    assert.deepEqual([answer.status, answer.headers.get('etag')], [200, '"e2"'])
    assert.deepEqual(((await answer.json()) as ConfigApplied).removed, ['a'])
    const condition = { ifMatch: ETAG, ifNoneMatch: undefined }
    assert.deepEqual(asked, [{ text: '[ ]\n', condition, author: { by: 'key', reason: 'Gerät kaputt' } }])
  })

  test('needs If-Match, and says what it should have been', async () => {
    const { ask } = makeConfig()
    const answer = await ask('/config/workers', withKey('PUT', []))
    assert.deepEqual([answer.status, answer.headers.get('etag')], [428, ETAG])
  })

  test('takes no half UTF-8, no multipart and no unknown parameter', async () => {
    const { ask, asked } = makeConfig()
    const headers = { authorization: `Bearer ${KEY}`, 'if-match': ETAG }
    const bytes = new Uint8Array([0x5b, 0xff, 0x5d])
    assert.equal((await ask('/config/workers', { method: 'PUT', headers, body: bytes })).status, 400)
    const form = { ...headers, 'content-type': 'multipart/form-data; boundary=x' }
    assert.equal((await ask('/config/workers', { method: 'PUT', headers: form, body: '[]' })).status, 415)
    assert.equal((await ask('/config/workers?x=1', { method: 'PUT', headers, body: '[]' })).status, 400)
    assert.equal(asked.length, 0)
  })

  test('dry runs take a list or a version', async () => {
    const { ask, previews } = makeConfig()
    await ask('/config/workers/dry-run', withKey('POST', ['http://a:1']))
    assert.equal((await ask('/config/workers/dry-run?version=9', withKey('POST'))).status, 404)
    assert.deepEqual(previews, [{ text: '["http://a:1"]' }, { version: 9 }])
    assert.equal(
      await codeOf(await ask('/config/workers/dry-run?version=9', withKey('POST', []))),
      'INVALID_REQUEST',
    )
  })

  test('a version that is no whole number is 400', async () => {
    const { ask, previews } = makeConfig()
    for (const wrong of ['1e400', '1e1', '0', '-1', '1.5', '', '0x1', '9007199254740993'])
      assert.equal(
        (await ask(`/config/workers/dry-run?version=${wrong}`, withKey('POST'))).status,
        400,
        wrong,
      )
    const turned = await ask('/config/workers/rollback', withKey('POST', { version: 2, reason: 'a\nb' }))
    assert.equal(turned.status, 400)
    assert.deepEqual(previews, [])
  })

  test('the history is a list like any other, and gives one version with its text', async () => {
    const { ask } = makeConfig()
    const page = async (query: string) =>
      (await (await ask(`/config/workers/history${query}`, withKey())).json()) as {
        items: ConfigVersion[]
        cursor: string | null
      }
    const first = await page('?limit=2')
    assert.deepEqual(
      first.items.map((item) => item.version),
      [3, 2],
    )
    const rest = await page(`?limit=2&cursor=${first.cursor}`)
    assert.deepEqual([rest.items.map((item) => item.version), rest.cursor], [[1], null])
    const one = (await (await ask('/config/workers/history/2', withKey())).json()) as { text: string }
    assert.equal(one.text, '[]')
    for (const wrong of ['3', '99', 'x']) {
      assert.equal((await ask(`/config/workers/history/${wrong}`, withKey())).status, 404)
    }
  })

  test('rolls back to a version, with the reason of the body before that of the header', async () => {
    const { ask, asked } = makeConfig()
    await ask('/config/workers/rollback', withKey('POST', { version: 2, reason: 'oops' }))
    assert.deepEqual(
      asked.map(({ text, author }) => [text, author.reason]),
      [[2, 'oops']],
    )
    assert.equal((await ask('/config/workers/rollback', withKey('POST', { version: 0 }))).status, 400)
    assert.equal((await ask('/config/workers/rollback', withKey('POST', {}))).status, 400)
  })
})
