/** Where files lie: one suite for the disk and for the storage that tests use, and what only a disk can be asked. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { FileStoragePort } from '../ports/files.ts'
import { DiskFiles } from './disk-files.ts'
import { MemoryFiles } from './testing/memory-files.ts'

const A = 'a1'.repeat(16)
const B = 'b2'.repeat(16)

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-files-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'files')
}

async function put(storage: FileStoragePort, name: string, ...pieces: string[]): Promise<void> {
  const sink = await storage.create(name)
  for (const piece of pieces) await sink.write(Buffer.from(piece))
  await sink.finish()
}

async function read(
  storage: FileStoragePort,
  name: string,
  from = 0,
  length = 100,
): Promise<string | undefined> {
  const bytes = await storage.open(name)
  const text = bytes && Buffer.from(await bytes.read(from, length)).toString()
  await bytes?.close()
  return text
}

const STORAGES: Record<string, (t: TestContext) => Promise<FileStoragePort>> = {
  disk: async (t) => new DiskFiles(await makeFolder(t)),
  memory: async () => new MemoryFiles(),
}

for (const [what, make] of Object.entries(STORAGES))
  describe(`files on ${what}`, () => {
    it('are read as they were written, before they are kept and afterwards', async (t) => {
      const storage = await make(t)
      await put(storage, A, 'one ', 'two')
      for (const isKept of [false, true]) {
        if (isKept) await storage.keep(A)
        assert.equal(await read(storage, A), 'one two')
        assert.equal(await read(storage, A, 4, 2), 'tw')
        const opened = await storage.open(A)
        assert.equal(opened?.size, 7)
        await opened.close()
        await opened.close()
        assert.deepEqual(await storage.unkept(), isKept ? [] : [A])
      }
      await storage.keep(A)
      await storage.keep(B)
      assert.equal(await read(storage, B), undefined)
    })

    it('leave nothing when they are dropped or removed', async (t) => {
      const storage = await make(t)
      const sink = await storage.create(A)
      await sink.write(Buffer.from('half'))
      await sink.drop()
      await sink.drop()
      await put(storage, B, 'whole')
      await storage.keep(B)
      await storage.remove(B)
      await storage.remove(B)
      for (const name of [A, B]) assert.equal(await storage.open(name), undefined)
      assert.deepEqual(await storage.unkept(), [])
    })

    it('have copies that outlive them', async (t) => {
      const storage = await make(t)
      await put(storage, A, 'same')
      await storage.keep(A)
      assert.equal(await storage.copy(A, B), true)
      await storage.remove(A)
      await storage.keep(B)
      assert.equal(await read(storage, B), 'same')
      assert.equal(await storage.copy(A, 'c3'.repeat(16)), false)
    })
  })

describe('files on a disk', () => {
  it('have names of their own making only', async (t) => {
    const storage = new DiskFiles(await makeFolder(t))
    for (const name of ['', '../x', 'a'.repeat(31), `${'a'.repeat(31)}/`, 'A1'.repeat(16), `${A}/../${B}`]) {
      await assert.rejects(async () => storage.create(name), TypeError)
      await assert.rejects(async () => storage.open(name), TypeError)
      await assert.rejects(async () => storage.remove(name), TypeError)
    }
  })

  it('are for this user alone', async (t) => {
    const folder = await makeFolder(t)
    const storage = new DiskFiles(folder)
    await put(storage, A, 'x')
    assert.equal((await stat(join(folder, 'incoming', A))).mode & 0o777, 0o600)
    assert.equal((await stat(join(folder, 'incoming'))).mode & 0o777, 0o700)
  })

  it('are no links and no folders that somebody put there', async (t) => {
    const folder = await makeFolder(t)
    const secret = join(folder, '..', 'secret')
    await writeFile(secret, 'a secret')
    await mkdir(join(folder, A.slice(0, 2)), { recursive: true })
    await mkdir(join(folder, 'incoming'))
    await symlink(secret, join(folder, A.slice(0, 2), A))
    await mkdir(join(folder, 'incoming', B))
    await symlink(secret, join(folder, 'incoming', 'd4'.repeat(16)))
    const storage = new DiskFiles(folder)
    assert.equal(await storage.open(A), undefined)
    assert.equal(await storage.open(B), undefined)
    await assert.rejects(storage.create('d4'.repeat(16)), { code: 'EEXIST' })
    await storage.remove(A)
    assert.equal((await stat(secret)).size, 8, 'the link went, not what it pointed to')
    assert.deepEqual(await readdir(join(folder, A.slice(0, 2))), [])
  })
})
