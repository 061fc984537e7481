/** Files that handlers write and callers download, through real processes. */
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { RunView } from '@berth/protocol'
import {
  type Balancer,
  KEYS,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { EventSource } from '../harness/event-source.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { piecesOf, sha256Of, sha256OfBody, writeFileFleet } from './file-fleet.ts'

/** No measurement: beyond it a test hangs. */
const LIMIT_MS = 120_000
/** So long one may ask to be kept waiting. */
const LONGEST_WAIT_MS = 30_000
const MB = 1024 * 1024

describe('files of runs', () => {
  const scope = createScope()
  let worker: Worker
  let balancer: Balancer

  before(async () => {
    const folder = await writeFileFleet(await makeFolder(scope, 'fleet'))
    worker = await startWorker(scope, { folder, env: { SLOTS: '8' } })
    const env = { FILE_LIMIT: '20mb', RUN_FILES_LIMIT: '30mb', DISK_RESERVE: '1mb' }
    balancer = await startBalancer(scope, { workers: [{ url: worker.url, name: 'w1' }], env })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  const headers = { authorization: KEYS.caller }
  const get = (path: string, more: Record<string, string> = {}, method = 'GET') =>
    fetch(`${balancer.url}${path}`, { method, headers: { ...headers, ...more } })

  async function write(files: readonly object[], more: object = {}, task: object = {}): Promise<RunView> {
    const body = { function: 'write', input: { files, ...more }, async: true, ...task }
    const answer = await postTask(balancer, body)
    assert.equal(answer.status, 202, answer.text)
    return ended((answer.body as { runId: string }).runId)
  }

  async function ended(run: string): Promise<RunView> {
    return (await balancer.request(`/runs/${run}?wait=30`)).body as RunView
  }

  /** Nothing came in that no run has, and what was removed is gone from the disk. */
  async function onDisk(): Promise<number> {
    const names = await readdir(join(balancer.dataDir, 'files'), { recursive: true }).catch(() => [])
    return names.filter((name) => /[0-9a-f]{32}$/.test(name)).length
  }

  for (const name of ['write', 'write-thread'])
    test(`${name}: of any size, whole and as they were written`, { timeout: LIMIT_MS }, async () => {
      const sizes = [0, 1, 1024, 65_536, 65_537, 300_000, 5 * MB]
      const files = sizes.map((size) => ({ path: `by size/${size}/ü.bin`, size, seed: name }))
      const text = { path: 'note.txt', text: 'Grüße' }
      const run = await write([...files, text], {}, { function: name })
      assert.equal(run.status, 'completed', JSON.stringify(run.error))
      assert.deepEqual(
        run.files.map(({ path, size, mediaType }) => [path, size, mediaType]).sort(),
        [
          ...files.map(({ path, size }) => [path, size, 'application/octet-stream']),
          ['note.txt', 7, 'text/plain; charset=utf-8'],
        ].sort(),
      )
      for (const { path, size } of files) {
        const { url = '' } = run.files.find((file) => file.path === path) ?? {}
        assert.ok(url.startsWith(`${balancer.url}/runs/${run.id}/files/by%20size/`), url)
        const response = await fetch(url, { headers })
        assert.deepEqual(await sha256OfBody(response), { sha256: sha256Of(size, name), size }, path)
      }
    })

  test('with every header that keeps them from running in our origin', { timeout: LIMIT_MS }, async () => {
    const run = await write([{ path: 'a/evil "x".html', text: '<script>', type: 'text/html' }])
    const response = await get(`/runs/${run.id}/files/a/evil%20%22x%22.html`)
    assert.equal(await response.text(), '<script>')
    const { headers: told } = response
    assert.equal(told.get('content-type'), 'text/html')
    assert.equal(told.get('x-content-type-options'), 'nosniff')
    assert.match(
      told.get('content-disposition') ?? '',
      /^attachment; filename="evil _x_.html"; filename\*=UTF-8''/,
    )
    assert.match(told.get('content-security-policy') ?? '', /sandbox/)
    assert.equal((await fetch(response.url)).status, 401, 'not without the key')
    const head = await get(`/runs/${run.id}/files/a/evil%20%22x%22.html`, {}, 'HEAD')
    assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '8', ''])
  })

  test('by ranges, and not again when it is known', { timeout: LIMIT_MS }, async () => {
    const run = await write([{ path: 'digits', text: '0123456789' }])
    const path = `/runs/${run.id}/files/digits`
    const part = await get(path, { range: 'bytes=2-4' })
    assert.deepEqual(
      [part.status, part.headers.get('content-range'), await part.text()],
      [206, 'bytes 2-4/10', '234'],
    )
    const last = await get(path, { range: 'bytes=-2' })
    assert.deepEqual([last.status, last.headers.get('content-length'), await last.text()], [206, '2', '89'])
    const beyond = await get(path, { range: 'bytes=10-' })
    assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */10'])
    const several = await get(path, { range: 'bytes=0-1,3-4' })
    assert.deepEqual([several.status, await several.text()], [200, '0123456789'])
    const etag = part.headers.get('etag') ?? ''
    assert.equal((await get(path, { 'if-none-match': etag })).status, 304)
    assert.equal((await get(path, { range: 'bytes=2-4', 'if-range': etag })).status, 206)
    assert.equal((await get(path, { range: 'bytes=2-4', 'if-range': '"other"' })).status, 200)
  })

  test('whatever path is asked for, only what the run has', { timeout: LIMIT_MS }, async () => {
    const run = await write([{ path: 'a/b.txt', text: 'in' }])
    const paths = [
      ...[
        '..',
        '%2e%2e',
        '..%2f..%2f..%2fberth.db',
        '%2fetc%2fpasswd',
        'a%00',
        'a/b.txt%00',
        'a/../a/b.txt%20',
      ],
      ...['a', 'a/', 'a//b.txt', 'A/b.txt', '%c0%ae%c0%ae/x', '%zz', 'a%5cb.txt', '\u2025/a'],
    ]
    for (const path of paths) {
      const { status } = await get(`/runs/${run.id}/files/${path}`)
      assert.ok(status === 404 || status === 400, `${path}: ${status}`)
    }
    assert.equal((await get('/runs/r_0000000000000000000000000a/files')).status, 404)
    assert.equal((await get(`/runs/${run.id}/files/a%2Fb.txt`)).status, 200)
    assert.equal((await get(`/runs/${run.id}/files?x=1`)).status, 400)
  })

  test('not under a path that leads elsewhere', { timeout: LIMIT_MS }, async () => {
    const wrong = [
      '../x',
      '/etc/passwd',
      'a/../../x',
      'a\\b',
      'a\0b',
      'a//b',
      './a',
      'x'.repeat(513),
      'a\u202eb',
    ]
    const run = await write(
      wrong.map((path) => ({ path, text: 'no' })),
      { catches: true },
    )
    assert.deepEqual(
      (run.result as { said: string[] }).said,
      wrong.map(() => 'TypeError'),
    )
    assert.deepEqual(run.files, [])
  })

  test('within the limits, and the run goes on without what is over them', {
    timeout: LIMIT_MS,
  }, async () => {
    const files = [
      { path: 'too-large', size: 20 * MB + 1 },
      { path: 'first', size: 15 * MB },
      { path: 'first', size: 16 * MB, seed: 'again' },
      { path: 'too-much', size: 15 * MB },
      { path: 'last', size: 14 * MB },
    ]
    const run = await write(files, { catches: true })
    const { said } = run.result as { said: string[] }
    assert.deepEqual(said, ['PAYLOAD_TOO_LARGE', 'kept', 'kept', 'PAYLOAD_TOO_LARGE', 'kept'])
    assert.deepEqual(
      run.files.map(({ path, size }) => [path, size]),
      [
        ['first', 16 * MB],
        ['last', 14 * MB],
      ],
    )
    const response = await get(`/runs/${run.id}/files/first`)
    assert.deepEqual(await sha256OfBody(response), { sha256: sha256Of(16 * MB, 'again'), size: 16 * MB })
  })

  test('told as events, shown in lists, and gone with the run', { timeout: LIMIT_MS }, async () => {
    const run = await write([{ path: 'a.txt', text: 'a' }])
    const source = await EventSource.open(`${balancer.url}/runs/${run.id}/events`)
    await source.ended
    assert.deepEqual(
      source.events.filter(({ event }) => event === 'file').map(({ data }) => data),
      [{ path: 'a.txt', mediaType: 'text/plain; charset=utf-8', size: 1 }],
    )
    const { items } = (await balancer.request('/runs?limit=1')).body as { items: RunView[] }
    assert.deepEqual(items[0]?.files, run.files)
    const listed = (await balancer.request(`/runs/${run.id}/files`)).body as { items: object[] }
    assert.deepEqual(listed.items, [{ ...run.files[0], origin: 'run' }])
    const before = await onDisk()
    assert.equal((await get(`/runs/${run.id}`, {}, 'DELETE')).status, 204)
    await until(async () => (await onDisk()) < before, LIMIT_MS, 'its file is gone')
    assert.equal((await get(`/runs/${run.id}/files/a.txt`)).status, 404)
  })

  test('a failed run has what its last attempt wrote', { timeout: LIMIT_MS }, async () => {
    const files = [{ path: 'log.txt', text: 'so far' }]
    const run = await write(files, { fails: true }, { attempts: 2 })
    assert.deepEqual([run.status, run.attempt], ['failed', 2])
    assert.deepEqual(
      run.files.map(({ path }) => path),
      ['log.txt'],
    )
  })

  test('a result of bytes is a file', { timeout: LIMIT_MS }, async () => {
    const answer = await postTask(balancer, { function: 'picture', async: true })
    const run = await ended((answer.body as { runId: string }).runId)
    assert.deepEqual(
      run.files.map(({ path, mediaType, size }) => [path, mediaType, size]),
      [['result', 'image/svg+xml', 24]],
    )
    const response = await get(`/runs/${run.id}/files/result`, { range: 'bytes=1-3' })
    assert.deepEqual([response.status, await response.text()], [206, 'svg'])
  })

  test('a task in memory that writes one is on disk before its answer', { timeout: LIMIT_MS }, async () => {
    const input = { files: [{ path: 'a/b.txt', text: 'kept' }] }
    const answer = await postTask(balancer, { function: 'write', input })
    assert.equal(answer.status, 200, answer.text)
    const id = answer.headers.get('x-run-id') ?? ''
    const run = (await balancer.request(`/runs/${id}`)).body as RunView
    assert.deepEqual([run.durable, run.status, run.files.length], [true, 'completed', 1])
    assert.deepEqual(run.result, (answer.body as { result: unknown }).result)
    const response = await get(`/runs/${id}/files/a/b.txt`)
    assert.equal(await response.text(), 'kept')
  })

  for (const [end, status] of [
    ['ends', 'completed'],
    ['is cancelled', 'cancelled'],
  ] as const)
    test(`who waits for a task in memory with a file hears that it ${end}`, {
      timeout: LIMIT_MS,
    }, async () => {
      const gate = join(await makeFolder(scope, 'gate'), 'open')
      const note = `${gate}.note`
      const input = { files: [{ path: 'a.txt', text: 'kept' }], waitFor: gate, note }
      const asked = postTask(balancer, { function: 'write', input })
      const wrote = async () => (await readFile(note, 'utf8').catch(() => '')).includes('"kept"')
      await until(wrote, LIMIT_MS, 'its file is kept')
      const { run: id } = JSON.parse((await readFile(note, 'utf8')).split('\n')[0] ?? '') as { run: string }
      const waiting = balancer.request(`/runs/${id}?wait=30`)
      // It has come before whatever is asked behind it on the same loop.
      await balancer.request('/health')
      if (end === 'ends') await writeFile(gate, '')
      else {
        const cancelled = await balancer.request(`/runs/${id}/cancel`, { method: 'POST' })
        assert.equal(cancelled.status, 200, cancelled.text)
        assert.equal((cancelled.body as RunView).files.length, 1)
      }
      const answer = await waiting
      assert.equal(answer.status, 200, answer.text)
      const run = answer.body as RunView
      assert.deepEqual([run.durable, run.status, run.files.length], [true, status, 1])
      assert.ok(
        Date.parse(run.finishedAt ?? '') > Date.now() - LONGEST_WAIT_MS / 2,
        'not only as its time was up',
      )
      await writeFile(gate, '')
      assert.equal((await asked).status, end === 'ends' ? 200 : 409)
    })

  function form(task: object | string | undefined, files: Record<string, Blob>): FormData {
    const body = new FormData()
    if (task !== undefined)
      body.append(
        'task',
        typeof task === 'string' ? task : new Blob([JSON.stringify(task)], { type: 'application/json' }),
      )
    for (const [path, blob] of Object.entries(files)) body.append('files', blob, path)
    return body
  }

  const send = (body: FormData, more: Record<string, string> = {}) =>
    fetch(`${balancer.url}/task`, { method: 'POST', headers: { ...headers, ...more }, body })

  function blobOf(size: number, seed: string, type = 'image/png'): Blob {
    return new Blob([...piecesOf(size, seed)], { type })
  }

  for (const name of ['read', 'read-thread'])
    test(`${name}: has what came along, whole`, { timeout: LIMIT_MS }, async () => {
      const sizes = [0, 1, 65_536, 300_000, 4 * MB]
      const files = Object.fromEntries(sizes.map((size) => [`in/${size} ü.png`, blobOf(size, name)]))
      const response = await send(form({ function: name }, files))
      const { result } = (await response.json()) as { result: { seen: object[] } }
      assert.equal(response.status, 200)
      const expected = sizes.map((size) => ({
        path: `in/${size} ü.png`,
        mediaType: 'image/png',
        size,
        sha256: sha256Of(size, name),
      }))
      assert.deepEqual(result.seen, expected)
      const id = response.headers.get('x-run-id') ?? ''
      const listed = (await balancer.request(`/runs/${id}/files`)).body as {
        items: { path: string; origin: string }[]
      }
      assert.deepEqual(
        listed.items.map(({ path, origin }) => [path, origin]),
        [...expected.map(({ path }) => [path, 'upload']), ['seen.json', 'run']].sort(),
      )
      const [largest] = expected.slice(-1)
      const download = await get(`/runs/${id}/files/${encodeURI(largest?.path ?? '')}`)
      assert.deepEqual(await sha256OfBody(download), { sha256: largest?.sha256, size: largest?.size })
    })

  test('a retry has its own copy of what came along', { timeout: LIMIT_MS }, async () => {
    const first = await send(form({ function: 'read', mode: 'async' }, { 'a.bin': blobOf(70_000, 'retry') }))
    assert.equal(first.status, 202)
    const { runId } = (await first.json()) as { runId: string }
    await ended(runId)
    const again = await balancer.request(`/runs/${runId}/retry`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    assert.equal(again.status, 202, again.text)
    assert.equal((await get(`/runs/${runId}`, {}, 'DELETE')).status, 204)
    const run = await ended((again.body as { runId: string }).runId)
    assert.equal((run.result as { seen: { sha256: string }[] }).seen[0]?.sha256, sha256Of(70_000, 'retry'))
  })

  test('one key begins one run, whatever the boundary', { timeout: LIMIT_MS }, async () => {
    const key = { 'idempotency-key': 'with files' }
    const task = { function: 'read', mode: 'async' }
    const ids = []
    for (const _ of [1, 2])
      ids.push((await send(form(task, { 'a.bin': blobOf(10, 'key') }), key)).headers.get('x-run-id'))
    assert.equal(ids[0], ids[1])
    const other = await send(form(task, { 'a.bin': blobOf(10, 'other') }), key)
    assert.equal(other.status, 422)
  })

  test('what is wrong with a form is said, and nothing of it stays', { timeout: LIMIT_MS }, async () => {
    const before = await onDisk()
    const small = { 'a.bin': blobOf(10, 'a') }
    const task = { function: 'read' }
    const twice = form(task, small)
    twice.append('files', blobOf(10, 'b'), 'a.bin')
    const field = form(task, small)
    field.append('other', 'x')
    const tasks = form(task, small)
    tasks.append('task', '{}')
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`f${n}`, blobOf(1, 'n')]))
    const cases: [string, FormData, number, string | undefined][] = [
      ['no task', form(undefined, small), 400, '/task'],
      ['two tasks', tasks, 400, '/task'],
      ['a task that is no JSON', form('{', small), 400, undefined],
      ['a wrong field', form({ ...task, priority: 0 }, small), 400, '/priority'],
      ['a stream', form({ ...task, mode: 'stream' }, small), 400, '/mode'],
      ['an unknown function', form({ function: 'nobody' }, small), 404, undefined],
      ['a field', field, 400, '/other'],
      ['one path twice', twice, 400, '/files/1'],
      ['a path that leads elsewhere', form(task, { '../x': blobOf(1, 'x') }), 400, '/files/0'],
      ['an absolute path', form(task, { '/etc/passwd': blobOf(1, 'x') }), 400, '/files/0'],
      ['a file over FILE_LIMIT', form(task, { ...small, big: blobOf(20 * MB + 1, 'x') }), 413, '/files/1'],
      [
        'files over RUN_FILES_LIMIT',
        form(task, { a: blobOf(16 * MB, 'x'), b: blobOf(15 * MB, 'x') }),
        413,
        '/files/1',
      ],
      ['too many files', form(task, many), 413, '/files/100'],
    ]
    for (const [what, body, status, pointer] of cases) {
      const response = await send(body)
      const told = (await response.json()) as { errors?: { pointer: string }[] }
      assert.equal(response.status, status, `${what}: ${JSON.stringify(told)}`)
      assert.equal(told.errors?.[0]?.pointer, pointer, what)
    }
    const raw = (type: string, body: string) =>
      balancer.request('/task', { method: 'POST', headers: { 'content-type': type }, body })
    assert.equal((await raw('multipart/form-data', 'x')).status, 415)
    assert.equal((await raw('multipart/mixed; boundary=x', '--x--')).status, 415)
    assert.equal((await raw('multipart/form-data; boundary=x', '--x\r\nContent-')).status, 400)
    assert.equal((await raw('multipart/form-data; boundary=x', '')).status, 400)
    await until(async () => (await onDisk()) <= before, LIMIT_MS, 'nothing stays')
  })

  test('a form without files is a task like any other', { timeout: LIMIT_MS }, async () => {
    const response = await send(form({ function: 'read' }, {}))
    const { result } = (await response.json()) as { result: { seen: object[] } }
    assert.deepEqual([response.status, result.seen], [200, []])
  })

  test('none is left when all runs are gone', { timeout: LIMIT_MS }, async () => {
    assert.ok((await onDisk()) > 10)
    const body = JSON.stringify({
      action: 'delete',
      filter: { status: ['completed', 'failed', 'cancelled'] },
    })
    const more = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
    const { status } = await balancer.request('/bulk', more)
    assert.equal(status, 202)
    await until(async () => (await onDisk()) === 0, LIMIT_MS, 'no file is left')
  })
})
