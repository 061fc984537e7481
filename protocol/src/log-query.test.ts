import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { everyLogLine, isLogWord, type LogQuery, readLogWord, writeLogWord } from './log-query.ts'

describe('a word for log lines', () => {
  const queries: [string, LogQuery][] = [
    ['logs', { ...everyLogLine, source: 'balancer' }],
    ['logs:h:3000/a?b', { ...everyLogLine, source: 'workers', workers: ['h:3000/a?b'] }],
    ['logs?', everyLogLine],
    ['logs?level=warn', { ...everyLogLine, level: 'warn' }],
    [
      'logs?source=workers&worker=a&worker=b%26c&tag=zone%3Deu&level=error&group=g&text=a+%3D+b&regex=%5Ea%2B&task=r_1',
      {
        source: 'workers',
        workers: ['a', 'b&c'],
        tags: ['zone=eu'],
        level: 'error',
        group: 'g',
        text: 'a = b',
        regex: '^a+',
        task: 'r_1',
      },
    ],
  ]
  for (const [word, query] of queries) {
    it(`is read as it was written: ${word}`, () => {
      assert.equal(writeLogWord(query), word)
      assert.ok(isLogWord(word))
      const read = readLogWord(word)
      assert.deepEqual(read, { ok: true, query })
    })
  }

  it('is the same for the same query in another order', () => {
    const workers = ['b', 'a']
    assert.equal(
      writeLogWord({ ...everyLogLine, workers }),
      writeLogWord({ ...everyLogLine, workers: workers.toReversed() }),
    )
  })

  it('says what is wrong with it', () => {
    const wrong = [
      ['logs?level=loud', /one of debug/],
      ['logs?source=w1', /one of \*/],
      ['logs?colour=red', /no filter/],
      ['logs?__proto__=x', /no filter/],
      [`logs?regex=${'a'.repeat(257)}`, /at most 256/],
      [`logs?${'worker=a&'.repeat(17)}`, /at most 16 times/],
    ] as const
    for (const [word, why] of wrong) {
      const read = readLogWord(word)
      assert.ok(!read.ok, word)
      assert.match(read.why, why)
    }
  })

  it('is no other word of the feed', () => {
    for (const word of ['workers', 'runs?x=1', 'logsx', 'log']) assert.equal(isLogWord(word), false)
  })
})
