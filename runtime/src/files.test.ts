/** A file is replaced whole or not at all, and a lock outlives neither its release nor its process. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createFileAtomic, ensureFolder, lockFile, readSmallFile, writeFileAtomic } from './files.ts'
import { isProcessAlive, isSameProcess, readProcessIdentity } from './process-identity.ts'

function makeFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-files-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The pid of a process that has ended. */
function findDeadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

test('a file is replaced with the asked mode and nothing is left beside it', (context) => {
  const folder = makeFolder(context)
  const path = join(folder, 'data.json')
  writeFileAtomic(path, 'one', 0o644)
  writeFileAtomic(path, Buffer.from('two'))
  assert.equal(readFileSync(path, 'utf8'), 'two')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder), ['data.json'])
})

test('a replacement that fails leaves the target and no draft', (context) => {
  const folder = makeFolder(context)
  mkdirSync(join(folder, 'target', 'inner'), { recursive: true })
  assert.throws(() => writeFileAtomic(join(folder, 'target'), 'x'))
  assert.deepEqual(readdirSync(folder), ['target'])
})

test('creating leaves a file that is already there', (context) => {
  const path = join(makeFolder(context), 'once')
  assert.deepEqual([createFileAtomic(path, 'a'), createFileAtomic(path, 'b')], [true, false])
  assert.equal(readFileSync(path, 'utf8'), 'a')
})

test('a lock is held by one and names its holder until it is released', (context) => {
  const path = join(makeFolder(context), 'lock')
  const first = lockFile(path, { name: 'balancer' })
  assert.ok(first.ok)
  const second = lockFile(path)
  assert.ok(!second.ok)
  assert.equal(second.holder.pid, process.pid)
  assert.ok(Math.abs(Date.parse(second.holder.startedAt) - Date.now()) < 60_000)
  first.release()
  const third = lockFile(path)
  assert.ok(third.ok)
  first.release()
  assert.ok(!lockFile(path).ok, 'a release that comes twice must not free the lock of another')
  third.release()
})

test('the lock of a dead process is taken over', (context) => {
  const folder = makeFolder(context)
  const path = join(folder, 'lock')
  writeFileSync(path, JSON.stringify({ pid: findDeadPid(), startedAt: '2026-01-01T00:00:00Z', nonce: 'old' }))
  const lock = lockFile(path)
  assert.ok(lock.ok)
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).pid, process.pid)
  assert.deepEqual(readdirSync(folder), ['lock'])
  lock.release()
})

test('what is no lock is taken over as well, and so is the guard of a dead taker', (context) => {
  const path = join(makeFolder(context), 'lock')
  writeFileSync(path, '')
  writeFileSync(`${path}.takeover`, JSON.stringify({ pid: findDeadPid(), startedAt: 'x', nonce: 'y' }))
  const lock = lockFile(path)
  assert.ok(lock.ok)
  lock.release()
})

test('a taker at work is named as the holder', (context) => {
  const path = join(makeFolder(context), 'lock')
  writeFileSync(path, '')
  writeFileSync(`${path}.takeover`, JSON.stringify({ pid: process.ppid, startedAt: 'then', nonce: 'y' }))
  assert.deepEqual(lockFile(path), { ok: false, holder: { pid: process.ppid, startedAt: 'then' } })
})

test('a pid that was given again is told apart by its start', {
  skip: readProcessIdentity(process.pid) === undefined,
}, (context) => {
  const path = join(makeFolder(context), 'lock')
  writeFileSync(
    path,
    JSON.stringify({ pid: process.pid, startedAt: 'x', identity: 'other-boot:1', nonce: 'y' }),
  )
  const lock = lockFile(path)
  assert.ok(lock.ok)
  lock.release()
  assert.equal(isSameProcess(process.pid, readProcessIdentity(process.pid)), true)
  assert.notEqual(readProcessIdentity(process.pid), readProcessIdentity(process.ppid))
})

test('a process is alive until it ends', () => {
  assert.equal(isProcessAlive(process.pid), true)
  assert.equal(isProcessAlive(findDeadPid()), false)
  for (const pid of [0, -1, 1.5, Number.NaN]) assert.equal(isProcessAlive(pid), false)
  assert.equal(isSameProcess(process.pid, undefined), true)
})

test('a small file is read whole, also behind a link, and what may never end is refused by its kind', (context) => {
  const folder = makeFolder(context)
  const path = join(folder, 'key')
  writeFileSync(path, 'x'.repeat(100))
  symlinkSync('key', join(folder, 'link'))
  assert.equal(readSmallFile(join(folder, 'link'), 100).toString(), 'x'.repeat(100))
  assert.throws(() => readSmallFile(path, 99), /is over 99 bytes/)
  assert.throws(() => readSmallFile(folder, 100), /is not a regular file/)
  assert.throws(() => readSmallFile(join(folder, 'none'), 100), { code: 'ENOENT' })
})

test('a device and a pipe are refused at once, and so is a file that says nothing of its size', {
  skip: process.platform !== 'linux',
  timeout: 10_000,
}, (context) => {
  const pipe = join(makeFolder(context), 'pipe')
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0)
  for (const path of [pipe, '/dev/zero']) assert.throws(() => readSmallFile(path, 100), /not a regular file/)
  assert.throws(() => readSmallFile('/proc/self/environ', 1), /is over 1 bytes/)
})

test('a folder is made with all above it that are missing, for this user alone', (context) => {
  const top = makeFolder(context)
  const path = join(top, 'a', 'b')
  ensureFolder(path)
  ensureFolder(path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
  writeFileSync(join(top, 'file'), '')
  assert.throws(() => ensureFolder(join(top, 'file')), /is not a folder/)
  assert.throws(() => ensureFolder(join(top, 'file', 'below')), { code: 'ENOTDIR' })
})

test('a folder that cannot be made is refused, not waited for', {
  skip: process.platform !== 'linux',
  timeout: 10_000,
}, () => {
  for (const path of ['/proc/nope', '/proc/nope/deeper'])
    assert.throws(
      () => ensureFolder(path),
      (error: NodeJS.ErrnoException) => error.code !== undefined,
    )
})
