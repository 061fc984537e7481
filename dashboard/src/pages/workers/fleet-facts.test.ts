import { describe, expect, test } from 'vitest'
import { byOperator, sampleWorker } from '../../testing/samples.ts'
import { de } from '../../text/de/index.ts'
import { en } from '../../text/en/index.ts'
import { factsOf, toneOfFleet, verdictOf } from './fleet-facts.ts'
import { effectOf } from './maintenance.ts'

const none = { waiting: 0, running: 0 }
const away = sampleWorker('worker-3', { status: 'unreachable' })
const held = sampleWorker('worker-3', { status: 'maintenance', maintenance: byOperator })
const two = [sampleWorker('worker-1'), sampleWorker('worker-2')]

describe('verdict', () => {
  test('says all is well', () => {
    const facts = factsOf(two, none)
    expect(verdictOf(facts, en)).toBe('2 of 2 workers ready. 6 of 16 slots used, nothing waits.')
    expect(toneOfFleet(facts)).toBe('ok')
  })

  test('names one or two that are away, and their slots do not count', () => {
    const facts = factsOf([...two, away], { waiting: 1, running: 0 })
    expect(verdictOf(facts, en)).toBe(
      '2 of 3 workers ready; worker-3 is unreachable. 6 of 16 slots used, 1 task waits.',
    )
    expect(toneOfFleet(facts)).toBe('warn')
  })

  test('counts more than two', () => {
    const three = ['a', 'b', 'c'].map((id) => sampleWorker(id, { status: 'unreachable' }))
    expect(verdictOf(factsOf([...two, ...three], none), en)).toContain('2 of 5 workers ready; 3 unreachable.')
  })

  test('a full worker is ready; maintenance is no fault; none ready is', () => {
    const full = sampleWorker('worker-2', { status: 'saturated' })
    expect(factsOf([full], none).ready).toBe(1)
    expect(toneOfFleet(factsOf([...two, held], none))).toBe('ok')
    expect(toneOfFleet(factsOf([held], none))).toBe('bad')
  })

  test('unknown is not zero', () => {
    const facts = factsOf([sampleWorker('worker-1', { slots: null })], null)
    expect(facts.slots).toBeNull()
    expect(facts.waiting).toBeNull()
    expect(verdictOf(facts, en)).toContain('No slots known, how much waits is unknown.')
  })

  test('speaks German', () => {
    expect(verdictOf(factsOf([...two, away], none), de)).toBe(
      '2 von 3 Workern bereit; worker-3 ist nicht erreichbar. 6 von 16 Slots belegt, nichts wartet.',
    )
  })
})

describe('effect of maintenance', () => {
  test('counts what the group loses and keeps', () => {
    const special = sampleWorker('worker-1', { functions: ['hello', 'ocr'] })
    const effect = effectOf(special, [special, sampleWorker('worker-2')])
    expect(effect).toEqual({
      isLastReady: false,
      functionsLost: ['ocr'],
    })
  })

  test('another group or contract does not stand in', () => {
    const one = sampleWorker('worker-1')
    const others = [sampleWorker('a', { group: 'ocr' }), sampleWorker('b', { contract: 2 }), held]
    expect(effectOf(one, [one, ...others])).toMatchObject({ isLastReady: true })
  })

  test('a worker that is not ready is no last one', () => {
    expect(effectOf(away, [away]).isLastReady).toBe(false)
  })
})
