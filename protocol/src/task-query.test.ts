import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readTaskQuery } from './task-query.ts'

const TARGET = { group: 'g', function: 'f' }

function read(query: string) {
  return readTaskQuery(TARGET, new URLSearchParams(query), (text) => {
    try {
      return JSON.parse(text)
    } catch {
      return undefined
    }
  })
}

describe('readTaskQuery', () => {
  it('reads each field as a body would have it', () => {
    const query =
      'contract=2&priority=5&timeout=1.5&idempotent=true&mode=stream&tags=gpu:h200,vram:>=80,u:a:b'
    const objects = 'input={"a":[1]}&metadata={"k":"v"}&webhook=https://a.example'
    assert.deepEqual(read(`${query}&${objects}`), {
      ok: true,
      fields: {
        group: 'g',
        function: 'f',
        contract: 2,
        priority: 5,
        timeout: 1.5,
        idempotent: true,
        mode: 'stream',
        tags: { gpu: 'h200', vram: '>=80', u: 'a:b' },
        input: { a: [1] },
        metadata: { k: 'v' },
        webhook: { url: 'https://a.example' },
      },
    })
    assert.deepEqual(read(''), { ok: true, fields: { group: 'g', function: 'f' } })
  })

  it('leaves what has the wrong form to the schema, whatever its name', () => {
    const read1 = read('priority=high&async=yes&__proto__=1&contract=1e3')
    assert.ok(read1.ok)
    const { fields } = read1
    assert.deepEqual([fields.priority, fields.async, fields.contract], ['high', 'yes', '1e3'])
    assert.ok(Object.hasOwn(fields, '__proto__'))
  })

  it('refuses a field that comes twice, those of the path included, or that nobody can read', () => {
    for (const [query, detail] of [
      ['priority=1&priority=1', '"priority" comes twice'],
      ['function=other', '"function" comes twice'],
      ['group=g', '"group" comes twice'],
      ['tags=gpu', '"tags" must be tags=key:value, more of them behind commas'],
      ['input={', '"input" must be JSON'],
    ] as const)
      assert.deepEqual(read(query), { ok: false, detail }, query)
  })
})
