import { expect, test } from 'vitest'
import { editingOf, typeInto } from './draft.ts'

const file = { text: '[]', etag: '"1"' }
const newer = { text: '["http://a:1"]', etag: '"2"' }

test('what is typed is a draft until it is the file again', () => {
  const draft = typeInto(null, file, '[1]')
  expect(draft).toEqual({ text: '[1]', base: file })
  expect(editingOf(draft, file)).toMatchObject({ text: '[1]', isDirty: true, isConflict: false })
  expect(typeInto(draft, file, '[]')).toBeNull()
})

test('without a draft the newest file is shown', () => {
  expect(editingOf(null, newer)).toMatchObject({ text: newer.text, isDirty: false, isConflict: false })
})

test('a file that changed underneath is a conflict, and the draft stays over what it began with', () => {
  const draft = typeInto(null, file, '[1]')
  expect(editingOf(draft, newer)).toMatchObject({ text: '[1]', isConflict: true })
  expect(typeInto(draft, newer, '[2]')).toEqual({ text: '[2]', base: file })
  expect(typeInto(draft, newer, '[]'), 'the old file is a change now').toEqual({ text: '[]', base: file })
})

test('two who did the same have no conflict', () => {
  const draft = typeInto(null, file, newer.text)
  expect(editingOf(draft, newer)).toMatchObject({ isDirty: false, isConflict: false })
})
