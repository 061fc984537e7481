/** Files of callers, and what is removed of all files. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLog, systemClock } from '@berth/runtime'
import type { FileWrite, Upload } from '../ports/files.ts'
import { FileKeeper } from './file-keeper.ts'
import { FileSpace } from './file-space.ts'
import { MemoryFiles } from './testing/memory-files.ts'
import { Uploads } from './uploads.ts'

const log = createLog({ source: 'test', write: () => {} })

function makeUploads() {
  const storage = new MemoryFiles()
  const terms = { fileLimitBytes: 10, runFilesLimitBytes: 15 }
  const space = new FileSpace(storage, systemClock, 5)
  return { storage, uploads: new Uploads({ storage, space, terms, log }) }
}

function begin(uploads: Uploads): Upload {
  const begun = uploads.begin()
  if ('code' in begun) assert.fail(begun.detail)
  return begun
}

/** The code of the refusal, or `taken`. */
async function put(upload: Upload, path: string, text: string, mediaType = 'text/plain'): Promise<string> {
  const sink = await upload.open(path, mediaType)
  if ('code' in sink) return sink.code
  const refusal = (await sink.write(Buffer.from(text))) ?? (await sink.end())
  return refusal?.code ?? 'taken'
}

describe('Uploads', () => {
  it('are kept for a run, or gone', async () => {
    const { storage, uploads } = makeUploads()
    const upload = begin(uploads)
    assert.equal(await put(upload, 'a', 'hello'), 'taken')
    assert.deepEqual(
      upload.files.map(({ path, size }) => [path, size]),
      [['a', 5]],
    )
    upload.keep()
    await upload.drop()
    await new Promise(setImmediate)
    assert.deepEqual([storage.kept.size, storage.incoming.size], [1, 0])
    const dropped = begin(uploads)
    await put(dropped, 'a', 'hello')
    const sink = await dropped.open('b', 'text/plain')
    assert.ok(!('code' in sink))
    await sink.write(Buffer.from('half'))
    await dropped.drop()
    dropped.keep()
    await new Promise(setImmediate)
    assert.deepEqual([storage.kept.size, storage.incoming.size], [1, 0])
  })

  it('are held to sizes, numbers and names', async () => {
    const { uploads, storage } = makeUploads()
    const upload = begin(uploads)
    assert.equal(await put(upload, 'a', '12345678901'), 'PAYLOAD_TOO_LARGE')
    assert.equal(await put(upload, 'b', '1234567890'), 'taken')
    assert.equal(await put(upload, 'c', '123456'), 'PAYLOAD_TOO_LARGE')
    assert.equal(await put(upload, 'b', '1'), 'INVALID_REQUEST')
    assert.equal(await put(upload, '../d', '1'), 'INVALID_REQUEST')
    assert.equal(await put(upload, 'd', '1', 'none'), 'INVALID_REQUEST')
    const many = begin(uploads)
    const codes: string[] = []
    for (let n = 0; n < 101; n++) codes.push(await put(many, `f${n}`, ''))
    assert.deepEqual([codes.indexOf('PAYLOAD_TOO_LARGE'), codes.length], [100, 101])
    const long = begin(uploads)
    for (let n = 0; n < 30; n++) codes.push(await put(long, `${n}`.padEnd(500, 'x'), ''))
    assert.equal(codes.at(-1), 'PAYLOAD_TOO_LARGE')
    assert.ok(long.files.length > 10)
    storage.free = 4
    const full = makeUploads()
    full.storage.free = 4
    assert.equal(await put(begin(full.uploads), 'a', '1'), 'STORE_UNAVAILABLE')
  })

  it('are so many at once', async () => {
    const { uploads } = makeUploads()
    const open = Array.from({ length: 64 }, () => begin(uploads))
    const refused = uploads.begin()
    assert.equal('code' in refused && refused.code, 'RATE_LIMITED')
    await open[0]?.drop()
    await open[0]?.drop()
    begin(uploads)
    assert.ok('code' in uploads.begin())
  })

  /** Whoever asks how much is free waits until `tell`; each asks anew. */
  function makeGated() {
    const storage = new MemoryFiles()
    const asked: (() => void)[] = []
    let isGated = false
    storage.freeBytes = () =>
      isGated ? new Promise((resolve) => asked.push(() => resolve(1_000))) : Promise.resolve(1_000)
    let created = 0
    const create = storage.create.bind(storage)
    storage.create = (name) => {
      created++
      return create(name)
    }
    const terms = { fileLimitBytes: 10, runFilesLimitBytes: 15 }
    let now = 0
    const space = new FileSpace(storage, { monoMs: () => (now += 2_000) }, 5)
    const uploads = new Uploads({ storage, space, terms, log })
    const gate = () => {
      isGated = true
    }
    return { storage, uploads, gate, tell: () => asked.shift()?.(), created: () => created }
  }

  for (const way of ['drop', 'keep'] as const)
    it(`open nothing for a request that is over meanwhile (${way})`, async () => {
      const { storage, uploads, gate, tell, created } = makeGated()
      const upload = begin(uploads)
      gate()
      const opening = upload.open('a', 'text/plain')
      await upload[way]()
      tell()
      const sink = await opening
      assert.equal('code' in sink && sink.code, 'CANCELLED')
      assert.deepEqual([created(), storage.incoming.size], [0, 0])
    })

  it('take nothing for a request that is over meanwhile', async () => {
    const { storage, uploads, gate, tell } = makeGated()
    const upload = begin(uploads)
    const sink = await upload.open('a', 'text/plain')
    assert.ok(!('code' in sink))
    gate()
    const writing = sink.write(Buffer.from('late'))
    await upload.drop()
    tell()
    assert.equal((await writing)?.code, 'CANCELLED')
    assert.equal((await sink.end())?.code, 'CANCELLED')
    assert.deepEqual([upload.files.length, storage.incoming.size, storage.kept.size], [0, 0, 0])
  })

  it('close what is unfinished as the rest is kept', async () => {
    const { storage, uploads } = makeUploads()
    const upload = begin(uploads)
    await put(upload, 'a', 'hello')
    const sink = await upload.open('b', 'text/plain')
    assert.ok(!('code' in sink))
    await sink.write(Buffer.from('half'))
    upload.keep()
    await new Promise(setImmediate)
    assert.deepEqual([[...storage.kept.values()].map(String), storage.incoming.size], [['hello'], 0])
  })

  it('leave no copies when the disk takes only some', async () => {
    const { storage, uploads } = makeUploads()
    const upload = begin(uploads)
    await put(upload, 'a', 'one')
    await put(upload, 'b', 'two')
    upload.keep()
    await new Promise(setImmediate)
    const copy = storage.copy.bind(storage)
    let copied = 0
    storage.copy = (from, to) => (copied++ === 0 ? copy(from, to) : Promise.reject(new Error('EIO')))
    await assert.rejects(uploads.copy(upload.files), /EIO/)
    assert.deepEqual([storage.kept.size, storage.incoming.size], [2, 0])
  })

  it('are copied for another run, all of them or none', async () => {
    const { storage, uploads } = makeUploads()
    const upload = begin(uploads)
    await put(upload, 'a', 'one')
    await put(upload, 'b', 'two')
    upload.keep()
    await new Promise(setImmediate)
    const copy = await uploads.copy(upload.files)
    copy?.keep()
    await new Promise(setImmediate)
    assert.deepEqual([...storage.kept.values()].map(String), ['one', 'two', 'one', 'two'])
    await storage.remove(upload.files[1]?.name ?? '')
    assert.equal(await uploads.copy(upload.files), undefined)
    assert.deepEqual([storage.kept.size, storage.incoming.size], [3, 0])
  })
})

describe('FileKeeper', () => {
  function makeKeeper(known: readonly string[], gone: string[], isKept = () => true) {
    const storage = new MemoryFiles()
    const writes: FileWrite[] = []
    const keeper = new FileKeeper({
      storage,
      reads: {
        knownFiles: async (names) => names.filter((name) => known.includes(name)),
        goneFiles: async (limit) => gone.slice(0, limit),
      },
      keep: async (more) => {
        writes.push(...more)
        return isKept() ? { ok: true } : { ok: false, detail: 'full' }
      },
      log,
    })
    return { storage, keeper, writes }
  }

  it('keeps at the start what runs have, and removes the rest of what came in', async () => {
    const { storage, keeper } = makeKeeper(['known'], [])
    storage.incoming.set('known', Buffer.from('1'))
    storage.incoming.set('unknown', Buffer.from('2'))
    storage.kept.set('old', Buffer.from('3'))
    await keeper.start()
    await keeper.stop()
    assert.deepEqual([...storage.kept.keys()], ['old', 'known'])
    assert.equal(storage.incoming.size, 0)
  })

  it('removes what the store turns out not to have, and not before that is clear', async () => {
    let isKept = false
    const { storage, keeper } = makeKeeper(['known'], [], () => isKept)
    for (const name of ['known', 'unknown', 'other']) storage.incoming.set(name, Buffer.from(name))
    keeper.doubt(['known', 'unknown'])
    await keeper.settleDoubts()
    assert.equal(storage.incoming.size, 3)
    isKept = true
    await keeper.settleDoubts()
    assert.deepEqual([[...storage.kept.keys()], [...storage.incoming.keys()]], [['known'], ['other']])
  })

  it('forgets a name only when its bytes are gone', async () => {
    const { storage, keeper, writes } = makeKeeper([], ['a', 'b'])
    storage.kept.set('a', Buffer.from('1'))
    storage.kept.set('c', Buffer.from('3'))
    assert.equal(await keeper.collect(), 2)
    assert.deepEqual([...storage.kept.keys()], ['c'])
    assert.deepEqual(writes, [{ kind: 'files-gone', names: ['a', 'b'] }])
    storage.remove = async () => {
      throw new Error('it is busy')
    }
    await assert.rejects(keeper.collect())
    assert.equal(writes.length, 1)
  })
})
