import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { findWriteObstacle, replaceFile } from './replace-file.ts'

const isRoot = process.getuid?.() === 0
const MAX = 1024

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-replace-'))
  t.after(() => {
    chmodSync(folder, 0o700)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

function fileOf(t: TestContext, text = 'old'): string {
  const file = join(folderOf(t), 'list.json')
  writeFileSync(file, text)
  return file
}

const expect = (text: string | undefined) => ({
  maxBytes: MAX,
  isExpected: (content: Buffer | undefined) => content?.toString() === text,
})

describe('replaceFile', () => {
  test('replaces what is expected, keeps the mode and leaves nothing beside', (t) => {
    const file = fileOf(t)
    chmodSync(file, 0o640)
    assert.deepEqual(replaceFile(file, 'new', expect('old')), { ok: true })
    assert.equal(readFileSync(file, 'utf8'), 'new')
    assert.equal(statSync(file).mode & 0o7777, 0o640)
    assert.deepEqual(readdirSync(join(file, '..')), ['list.json'])
  })

  test('keeps the owner', { skip: !isRoot && 'only root may give a file away' }, (t) => {
    const file = fileOf(t)
    chownSync(file, 1234, 2345)
    replaceFile(file, 'new', expect('old'))
    const { uid, gid } = statSync(file)
    assert.deepEqual([uid, gid], [1234, 2345])
  })

  test('does not replace what somebody wrote meanwhile', (t) => {
    const file = fileOf(t, 'theirs')
    assert.deepEqual(replaceFile(file, 'new', expect('old')), { ok: false, why: 'changed' })
    assert.equal(readFileSync(file, 'utf8'), 'theirs')
    assert.deepEqual(readdirSync(join(file, '..')), ['list.json'])
  })

  test('looks at the content only when all else is done', (t) => {
    const file = fileOf(t)
    replaceFile(file, 'new', {
      maxBytes: MAX,
      isExpected: () => {
        const draft = readdirSync(join(file, '..')).find((name) => name.endsWith('.tmp')) ?? ''
        assert.equal(readFileSync(join(file, '..', draft), 'utf8'), 'new')
        return false
      },
    })
  })

  test('writes behind a link, which stays one', (t) => {
    const file = fileOf(t)
    const link = join(folderOf(t), 'link.json')
    symlinkSync(file, link)
    assert.deepEqual(replaceFile(link, 'new', expect('old')), { ok: true })
    assert.ok(lstatSync(link).isSymbolicLink())
    assert.equal(readFileSync(file, 'utf8'), 'new')
  })

  test('makes a file that is not there, also behind a link that leads nowhere yet', (t) => {
    const folder = folderOf(t)
    mkdirSync(join(folder, 'target'))
    const link = join(folder, 'link.json')
    symlinkSync('target/list.json', link)
    assert.deepEqual(replaceFile(link, 'new', { ...expect(undefined), mode: 0o644 }), { ok: true })
    assert.equal(readlinkSync(link), 'target/list.json')
    const { mode } = statSync(join(folder, 'target/list.json'))
    assert.equal(mode & 0o7777, 0o644)
  })

  test('leaves other names of the old content alone', (t) => {
    const file = fileOf(t)
    linkSync(file, `${file}.backup`)
    replaceFile(file, 'new', expect('old'))
    assert.equal(readFileSync(`${file}.backup`, 'utf8'), 'old')
  })

  test('a file that nobody may write, a folder, a circle of links and a missing folder are read-only', (t) => {
    const file = fileOf(t)
    chmodSync(file, 0o444)
    const folder = folderOf(t)
    symlinkSync('b', join(folder, 'a'))
    symlinkSync('a', join(folder, 'b'))
    for (const [path, words] of [
      [file, /mode allows nobody/],
      [folder, /no regular file/],
      [join(folder, 'a'), /circle/],
      [join(folder, 'none', 'list.json'), /not there/],
    ] as const) {
      const replaced = replaceFile(path, 'new', expect('old'))
      assert.ok(!replaced.ok && replaced.why === 'read-only', path)
      assert.match(replaced.detail, words)
      assert.match(findWriteObstacle(path) ?? '', words)
    }
    assert.equal(readFileSync(file, 'utf8'), 'old')
  })

  test('a folder without the right to write', { skip: isRoot && 'root has every right' }, (t) => {
    const file = fileOf(t)
    chmodSync(join(file, '..'), 0o500)
    const replaced = replaceFile(file, 'new', expect('old'))
    assert.ok(!replaced.ok && replaced.why === 'read-only')
    assert.match(findWriteObstacle(file) ?? '', /no right/)
  })

  test('nothing stands in the way of a file that can be written', (t) => {
    const file = fileOf(t)
    assert.equal(findWriteObstacle(file), undefined)
    assert.equal(findWriteObstacle(`${file}.new`), undefined)
  })
})
