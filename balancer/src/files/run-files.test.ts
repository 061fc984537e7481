/** Files from workers: what is kept, what is refused, and what becomes of the rest. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { FileHeader, OutcomeError } from '@berth/protocol'
import { createLog, systemClock } from '@berth/runtime'
import type { FileWrite, StoredFile } from '../ports/files.ts'
import type { Kept } from '../ports/store.ts'
import { FileSpace } from './file-space.ts'
import { RunFiles } from './run-files.ts'
import { MemoryFiles } from './testing/memory-files.ts'

const KB = 1024

class Bench {
  readonly storage = new MemoryFiles()
  readonly writes: FileWrite[] = []
  readonly told: string[] = []
  readonly doubted: string[] = []
  readonly files: RunFiles
  kept: Kept = { ok: true }
  taken = 0
  before: StoredFile[] = []
  /** Between the row's way to the store and the store's answer. */
  onKeep: () => Promise<void> | void = () => {}

  constructor() {
    this.files = new RunFiles({
      storage: this.storage,
      space: new FileSpace(this.storage, systemClock, 0),
      terms: { fileLimitBytes: 100 * KB, runFilesLimitBytes: 150 * KB },
      reads: { filesOfAttempt: async () => this.before },
      keep: async (writes) => {
        this.writes.push(...writes)
        await this.onKeep()
        return this.kept
      },
      log: createLog({ source: 'test', write: () => {} }),
      lastSeq: 10,
      onDoubt: (names) => void this.doubted.push(...names),
      onFile: (run, { path }) => void this.told.push(`${run} ${path}`),
    })
  }

  /** Resolves with the answer; undefined when there is none. */
  async send(data: string | Buffer, options: Sent = {}): Promise<OutcomeError | 'kept' | undefined> {
    const bytes = Buffer.from(data)
    const {
      run = 'r_1',
      seq = 11,
      isDurable = true,
      fence = 1,
      attempt = 1,
      header = {},
      cuts = false,
    } = options
    const whole: FileHeader = {
      file: 1,
      path: 'a.txt',
      mediaType: 'text/plain',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      ...header,
    }
    let answer: OutcomeError | 'kept' | undefined
    const piece = (header: FileHeader | undefined, part: Buffer, isLast: boolean) =>
      this.files.receive(
        { id: run, seq, isDurable },
        {
          header,
          isLast,
          bytes: part,
          recordBytes: part.length + (header ? 50 : 0),
          source: {
            taken: (count) => {
              this.taken += count
            },
          },
          answer: (file, error) => {
            assert.equal(file, whole.file)
            answer = error ?? 'kept'
          },
        },
        { attempt, fence },
      )
    const middle = Math.ceil(bytes.length / 2)
    piece(whole, Buffer.alloc(0), bytes.length === 0)
    if (bytes.length > 0) piece(undefined, bytes.subarray(0, middle), false)
    if (bytes.length > 0 && !cuts) piece(undefined, bytes.subarray(middle), true)
    for (let turn = 0; turn < 50 && answer === undefined; turn++) await new Promise(setImmediate)
    return answer
  }

  /** Of those that are kept, by path. */
  get rows(): string[] {
    return this.writes.map((write) =>
      write.kind === 'run-file' ? `${write.file.path} ${write.file.fence}` : '',
    )
  }
}

interface Sent {
  readonly run?: string
  readonly seq?: number
  readonly isDurable?: boolean
  readonly fence?: number
  readonly attempt?: number
  readonly header?: Partial<FileHeader>
  readonly cuts?: boolean
}

const codeOf = (answer: OutcomeError | 'kept' | undefined) =>
  typeof answer === 'object' ? answer.code : answer

describe('RunFiles', () => {
  it('keeps a whole file, tells it, and takes every byte', async () => {
    const bench = new Bench()
    assert.equal(await bench.send('hello'), 'kept')
    assert.equal(await bench.send('', { header: { file: 2, path: 'empty' } }), 'kept')
    assert.deepEqual(bench.rows, ['a.txt 1', 'empty 1'])
    assert.deepEqual(bench.told, ['r_1 a.txt', 'r_1 empty'])
    assert.deepEqual([...bench.storage.kept.values()].map(String), ['hello', ''])
    assert.deepEqual([bench.storage.incoming.size, bench.taken], [0, 5 + 50 + 50])
  })

  it('refuses what is damaged, and what is not what was announced', async () => {
    const wrong: Partial<FileHeader>[] = [
      { sha256: '0'.repeat(64) },
      { size: 4 },
      { size: 6 },
      { path: '../x' },
      { path: 'a/./b' },
      { path: 'Gro\u0308ße' },
      { mediaType: 'no type' },
      { mediaType: 'a/b\nx-evil: 1' },
    ]
    for (const header of wrong) {
      const bench = new Bench()
      assert.notEqual(await bench.send('hello', { header }), 'kept', JSON.stringify(header))
      assert.deepEqual([bench.writes, bench.storage.incoming.size, bench.storage.kept.size], [[], 0, 0])
    }
  })

  it('holds a run to its limits, counting what replaces a file once', async () => {
    const bench = new Bench()
    const size = (n: number) => Buffer.alloc(n * KB, n)
    assert.equal(codeOf(await bench.send(size(101))), 'PAYLOAD_TOO_LARGE')
    assert.equal(await bench.send(size(90)), 'kept')
    assert.equal(codeOf(await bench.send(size(61), { header: { path: 'b' } })), 'PAYLOAD_TOO_LARGE')
    assert.equal(await bench.send(size(100)), 'kept')
    assert.equal(await bench.send(size(50), { header: { path: 'b' } }), 'kept')
    assert.equal(codeOf(await bench.send('x', { header: { path: 'c' } })), 'PAYLOAD_TOO_LARGE')
  })

  it('remembers what an attempt wrote under an earlier balancer', async () => {
    const bench = new Bench()
    const file = { path: 'b', mediaType: 'a/b', size: 100 * KB, sha256: '', name: 'n', fence: 1 }
    bench.before = [file]
    assert.equal(codeOf(await bench.send(Buffer.alloc(51 * KB), { seq: 10 })), 'PAYLOAD_TOO_LARGE')
    assert.equal(await bench.send(Buffer.alloc(50 * KB), { seq: 10 }), 'kept')
    assert.equal(bench.files.mayHave({ id: 'r_other', seq: 10 }), true)
    assert.equal(bench.files.mayHave({ id: 'r_other', seq: 11 }), false)
  })

  it('says why when there is no room, on the disk or in the store', async () => {
    const bench = new Bench()
    bench.storage.fault = Object.assign(new Error('full'), { code: 'ENOSPC' })
    const full = await bench.send('hello')
    assert.equal(codeOf(full), 'STORE_UNAVAILABLE')
    assert.match(typeof full === 'object' ? full.message : '', /the disk is full/)
    bench.storage.fault = undefined
    bench.kept = { ok: false, detail: 'the store is read only' }
    const unkept = await bench.send('hello')
    assert.match(typeof unkept === 'object' ? unkept.message : '', /the store is read only/)
    assert.equal(bench.storage.kept.size, 0)
    assert.deepEqual(bench.doubted, [...bench.storage.incoming.keys()])
    const low = new Bench()
    low.storage.free = 3
    assert.equal(codeOf(await low.send('hello')), 'STORE_UNAVAILABLE')
    assert.equal(low.storage.incoming.size, 0)
  })

  it('drops what is cut off: by the next file, by a newer attempt, by the end of the run', async () => {
    const bench = new Bench()
    assert.equal(await bench.send('hello', { cuts: true }), undefined)
    assert.equal(await bench.send('again', { header: { file: 2 } }), 'kept')
    assert.equal(await bench.send('later', { cuts: true }), undefined)
    assert.equal(await bench.send('newer', { fence: 2, attempt: 2 }), 'kept')
    assert.equal(await bench.send('older'), undefined, 'an attempt that counts no more')
    assert.equal(await bench.send('last', { fence: 2, cuts: true }), undefined)
    bench.files.ended('r_1')
    await new Promise(setImmediate)
    assert.equal(bench.storage.incoming.size, 0)
    assert.deepEqual(bench.rows, ['a.txt 1', 'a.txt 2'])
  })

  it('leaves the bytes of a row that is on its way when the run ends or a newer attempt begins', async () => {
    for (const interrupt of ['end', 'attempt'] as const) {
      const bench = new Bench()
      bench.onKeep = async () => {
        bench.onKeep = () => {}
        if (interrupt === 'end') bench.files.ended('r_1')
        else void bench.send('newer', { fence: 2, attempt: 2, cuts: true })
        await new Promise(setImmediate)
      }
      assert.equal(await bench.send('hello'), undefined, 'nobody waits for the answer any more')
      assert.deepEqual([...bench.storage.kept.values()].map(String), ['hello'], interrupt)
      assert.deepEqual([bench.rows, bench.told], [['a.txt 1'], []])
    }
  })

  it('of a task in memory: rows are written with its end, and nothing of an earlier attempt', async () => {
    const bench = new Bench()
    const memory = { isDurable: false, seq: 0 }
    assert.equal(bench.files.has('r_1'), false)
    assert.equal(await bench.send('first', memory), 'kept')
    assert.equal(await bench.send('second', { ...memory, fence: 2, header: { path: 'b' } }), 'kept')
    assert.equal(await bench.send('replaced', { ...memory, fence: 2, header: { path: 'b' } }), 'kept')
    assert.deepEqual(bench.writes, [])
    assert.equal(bench.files.has('r_1'), true)
    const recorded: string[] = []
    const isRecorded = bench.files.record('r_1', 2, async (files) => {
      recorded.push(...files.map(({ path, size }) => `${path} ${size}`))
      return { ok: true }
    })
    assert.deepEqual([isRecorded, recorded], [true, ['b 8']])
    assert.equal(await bench.files.whenRecorded('r_1'), undefined)
    assert.equal(bench.files.has('r_1'), false)
    assert.deepEqual([...bench.storage.kept.values()].map(String), ['replaced'])
    assert.equal(bench.storage.incoming.size, 0)
  })

  it('of a task in memory whose last attempt wrote none: there is nothing to record', async () => {
    const bench = new Bench()
    await bench.send('first', { isDurable: false })
    const isRecorded = bench.files.record('r_1', 2, async () => assert.fail('nothing'))
    await new Promise(setImmediate)
    assert.deepEqual([isRecorded, bench.storage.incoming.size], [false, 0])
  })

  it('of a task in memory that cannot be recorded: its caller hears it', async () => {
    const bench = new Bench()
    await bench.send('first', { isDurable: false })
    bench.files.record('r_1', 1, async () => ({ ok: false, detail: 'full' }))
    const asked = [bench.files.whenRecorded('r_1'), bench.files.whenRecorded('r_1')]
    for (const error of await Promise.all(asked)) assert.equal(error?.code, 'STORE_UNAVAILABLE')
    assert.deepEqual([bench.doubted.length, bench.files.has('r_1')], [1, false])
  })
})
