/** Paths of files: what is taken, what is refused, and that two ways to write one are one. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeFilePath, FILE_PATH_BYTES, readFilePath } from './file-path.ts'

describe('readFilePath', () => {
  it('takes names and nested paths of any script', () => {
    for (const path of [
      'a',
      'a.txt',
      'reports/2026/q1.pdf',
      '...',
      '.env',
      'Größe/日本 語.txt',
      '%2e%2e/x',
      'C:a',
    ])
      assert.deepEqual(readFilePath(path), { ok: true, path })
  })

  it('composes what is written in parts', () => {
    assert.deepEqual(readFilePath('Gro\u0308ße'), { ok: true, path: 'Größe' })
  })

  it('refuses whatever leads elsewhere or cannot be seen', () => {
    const wrong: unknown[] = [
      ...['', '/', '/etc/passwd', '..', '.', '../x', 'a/../b', 'a/..', 'a/./b', 'a//b', 'a/'],
      ...['a\\b', '..\\x', 'a\0', 'a\nb', 'a\u0085', 'a\u202eb', 'a\u2028', '\ufeffa', '\ud800'],
      ...[undefined, null, 7, {}, 'é'.repeat(FILE_PATH_BYTES / 2 + 1)],
    ]
    for (const path of wrong) assert.equal(readFilePath(path).ok, false, JSON.stringify(path))
    assert.equal(readFilePath('é'.repeat(FILE_PATH_BYTES / 2)).ok, true)
  })

  it('is escaped part by part', () => {
    assert.equal(encodeFilePath('a b/ü?#%.txt'), 'a%20b/%C3%BC%3F%23%25.txt')
  })
})
