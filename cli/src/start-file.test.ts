/** What `start` writes down: whole, private, and believed only as long as its process lives. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  claimDataDir,
  headerFilePath,
  isStartAlive,
  listLiveChildren,
  makeStartRecord,
  readStartFile,
  removeStartFile,
  startFilePath,
  writeStartFile,
} from './start-file.ts'

function makeFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-file-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const record = makeStartRecord('http://127.0.0.1:4000', 4000, 30_000)
const deadPid = spawnSync(process.execPath, ['-e', '']).pid

test('what is written is read again, by its owner only', (context) => {
  const folder = makeFolder(context)
  const full = {
    ...record,
    ports: { balancer: 4000, workers: [3001] },
    children: [{ name: 'w', pid: 12, port: 3001 }],
  }
  writeStartFile(folder, full)
  assert.deepEqual(readStartFile(folder), full)
  assert.equal(statSync(startFilePath(folder)).mode & 0o777, 0o600)
  writeFileSync(headerFilePath(folder), 'Authorization: k')
  removeStartFile(folder)
  removeStartFile(folder)
  assert.equal(existsSync(headerFilePath(folder)), false)
  assert.equal(readStartFile(folder), undefined)
})

test('a file that is no record is none, above all one with pids that mean a group or everybody', (context) => {
  const folder = makeFolder(context)
  const wrong = [
    '',
    '{',
    '[]',
    '{"pid":12}',
    JSON.stringify({ ...record, pid: -1 }),
    JSON.stringify({ ...record, pid: 1 }),
  ]
  for (const text of [...wrong, JSON.stringify({ ...record, children: [{ name: 'x', pid: 0, port: 1 }] })]) {
    writeFileSync(startFilePath(folder), text)
    assert.equal(readStartFile(folder), undefined, text)
  }
})

test('a record lives as long as its process, and not with a later one of the same pid', () => {
  assert.equal(isStartAlive(record), true)
  assert.equal(isStartAlive({ ...record, pid: deadPid }), false)
  const hasIdentity = record.identity !== undefined
  assert.equal(isStartAlive({ ...record, identity: 'boot:1' }), !hasIdentity)
  const children = [
    { name: 'alive', pid: process.pid, identity: record.identity, port: 1 },
    { name: 'dead', pid: deadPid, port: 2 },
  ]
  assert.deepEqual(
    listLiveChildren({ ...record, children }).map(({ name }) => name),
    ['alive'],
  )
})

test('a data folder has one start at a time', (context) => {
  const folder = join(makeFolder(context), 'new', 'data')
  const first = claimDataDir(folder)
  assert.ok(first.ok)
  const second = claimDataDir(folder)
  assert.ok(!second.ok && second.pid === process.pid)
  first.release()
  writeStartFile(folder, { ...record, pid: process.ppid, identity: undefined })
  const third = claimDataDir(folder)
  assert.ok(!third.ok && third.pid === process.ppid)
  writeStartFile(folder, { ...record, pid: deadPid })
  const fourth = claimDataDir(folder)
  assert.ok(fourth.ok)
  fourth.release()
})
