/** Who presents wrong keys is in the log: by address, without the key, and not without end. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLog, ManualClock } from '@berth/runtime'
import { makeBench } from './test-bench.ts'
import { WrongKeys } from './wrong-keys.ts'

function makeWrongKeys(capacity?: number) {
  const log = createLog({ source: 'test', write: () => {} })
  const clock = new ManualClock()
  return { clock, wrong: new WrongKeys(log, clock, capacity), entries: () => log.entries() }
}

describe('wrong keys', () => {
  it('are a line a second and address, and what was left out is counted', () => {
    const { wrong, clock, entries } = makeWrongKeys()
    for (let i = 0; i < 5; i++) wrong.record('10.0.0.1')
    wrong.record('10.0.0.2')
    clock.advance(999)
    wrong.record('10.0.0.1')
    clock.advance(1)
    wrong.record('10.0.0.1')
    assert.deepEqual(
      entries().map(({ level, address, unsaid }) => [level, address, unsaid]),
      [
        ['warn', '10.0.0.1', undefined],
        ['warn', '10.0.0.2', undefined],
        ['warn', '10.0.0.1', 5],
      ],
    )
  })

  it('are remembered of so many addresses only', () => {
    const { wrong } = makeWrongKeys(3)
    for (let i = 0; i < 100; i++) wrong.record(`10.0.0.${i}`)
    assert.equal(wrong.size, 3)
  })

  it('are told by the gate wherever they are presented, and nothing else is', async () => {
    const bench = makeBench()
    const headers = { authorization: 'Bearer guess-of-a-stranger' }
    for (const [i, path] of ['/workers', '/nowhere', '/health'].entries())
      await bench.ask(path, { headers, address: `10.0.1.${i}` })
    await bench.ask('/workers', { headers: {}, address: '10.0.2.1' })
    await bench.ask('/workers', { headers: { cookie: 'berth_session=x' }, address: '10.0.2.2' })
    const warnings = bench.log.entries().filter(({ level }) => level === 'warn')
    assert.deepEqual(
      warnings.map(({ address }) => address),
      ['10.0.1.0', '10.0.1.1', '10.0.1.2'],
    )
    assert.doesNotMatch(bench.log.lines().join(), /guess/)
  })
})
