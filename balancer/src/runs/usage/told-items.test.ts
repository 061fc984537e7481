import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ToldItem } from '../../ports/told.ts'
import { showOutput } from './told-items.ts'

const message = (n: number, value: unknown): ToldItem => ({ n, kind: 'message', data: JSON.stringify(value) })

test('text of the run itself is its output, as items that keep their names', () => {
  const items = [
    message(1, 'one'),
    message(2, { role: 'assistant', content: 'two' }),
    message(3, { role: 'assistant', content: [{ type: 'text', text: 'three' }, { type: 'image' }, 'four'] }),
    message(4, { role: 'tool', content: 'none' }),
    message(5, { role: 'assistant', content: [{ type: 'image' }] }),
    message(6, { text: 'five' }),
  ]
  const shown = showOutput('r_abc', items, 8)
  assert.equal(shown.messagesDropped, 2)
  assert.equal(shown.messages.length, 6)
  const output = shown.output as { id: string; content: { text: string }[] }[]
  assert.deepEqual(
    output.map(({ id, content }) => [id, content.map(({ text }) => text)]),
    [
      ['msg_abc_3', ['one']],
      ['msg_abc_4', ['two']],
      ['msg_abc_5', ['three', 'four']],
      ['msg_abc_8', ['five']],
    ],
  )
  assert.deepEqual(output[0], {
    id: 'msg_abc_3',
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'one' }],
  })
  assert.deepEqual(showOutput('r_abc', [], 0), { messages: [], sources: [], output: null })
})

test('a URL that was named before and after a restart is one source', () => {
  const source = (n: number, url: string, title: string): ToldItem => ({
    n,
    kind: 'source',
    data: JSON.stringify({ url, title }),
  })
  const { sources } = showOutput(
    'r_a',
    [source(1, 'https://a', 'A'), source(2, 'https://b', 'B'), source(3, 'https://a', 'C')],
    0,
  )
  assert.deepEqual(sources, [
    { url: 'https://a', title: 'A' },
    { url: 'https://b', title: 'B' },
  ])
})
