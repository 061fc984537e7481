/** What pages are told while lines are being written: a tick is written in steps, between which anything may happen. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LogEntry } from '@berth/protocol'
import { createLog } from '@berth/runtime'
import type { FleetPort } from '../ports/fleet.ts'
import { LogChannels } from './log-channels.ts'
import { LogWatch } from './log-watch.ts'
import { FakeFleet, makeEntry } from './test-stage.ts'

interface Told {
  readonly lines: readonly LogEntry[]
  readonly dropped: number
}

function setChannels() {
  const fleet = new FakeFleet()
  const log = createLog({ source: 'balancer', write: () => {} })
  const channels = new LogChannels({ fleet: fleet as unknown as FleetPort, log })
  const tick = () => {
    for (const _ of channels.gather());
  }
  const open = (word: string) => {
    const watch = new LogWatch(channels)
    watch.watch([word])
    return { watch, take: () => readTold(watch) }
  }
  /** Begins a tick, does so many steps of it, and answers what does the others. */
  const begin = (steps: number) => {
    const gather = channels.gather()
    for (let step = 0; step < steps; step++) assert.equal(gather.next().done, false, `step ${step}`)
    return () => {
      for (const _ of gather);
    }
  }
  const say = (from: number, count: number) =>
    fleet.say(
      'w1',
      Array.from({ length: count }, (_, i) => makeEntry(`line ${from + i}`)),
    )
  return { fleet, tick, open, begin, say }
}

/** By word: the numbers of the lines that have come, and how many were left out. */
function readTold(watch: LogWatch) {
  const { text } = watch.takeChanges() ?? {}
  const told = Object.entries(JSON.parse(text ?? '{}') as Record<string, Told>)
  return Object.fromEntries(
    told.map(([word, { lines, dropped }]) => [
      word,
      [lines.map((one) => Number(one.text.slice(5))), dropped],
    ]),
  )
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

describe('lines that are being written', () => {
  it('are told all together, in order, and those that come meanwhile at the next tick', () => {
    const { open, tick, begin, say } = setChannels()
    const page = open('logs:w1')
    tick()
    page.take()
    say(0, 200)
    const end = begin(3)
    say(200, 5)
    assert.deepEqual(page.take(), {})
    assert.equal(page.watch.hasNews, false)
    end()
    assert.deepEqual(page.take(), { 'logs:w1': [numbers(0, 200), 0] })
    tick()
    assert.deepEqual(page.take(), { 'logs:w1': [numbers(200, 5), 0] })
  })

  it('are counted once where too many come meanwhile', () => {
    const { open, tick, begin, say } = setChannels()
    const page = open('logs:w1')
    tick()
    page.take()
    say(0, 3_000)
    const end = begin(3)
    say(3_000, 9_000)
    end()
    let [lines, dropped] = [0, 0]
    for (let turn = 0; turn < 12; turn++) {
      const [seen, left] = (page.take()['logs:w1'] ?? [[], 0]) as [number[], number]
      lines += seen.length
      dropped += left
      tick()
    }
    assert.equal(lines + dropped, 12_000)
    assert.ok(lines >= 2_000)
  })

  it('reach a page that comes meanwhile, and no page twice', () => {
    const { open, tick, begin, say } = setChannels()
    const first = open('logs:w1')
    tick()
    first.take()
    say(0, 10)
    tick()
    first.take()
    say(10, 200)
    const end = begin(3)
    const second = open('logs:w1')
    assert.deepEqual(second.take(), { 'logs:w1': [numbers(0, 10), 0] })
    end()
    assert.deepEqual(first.take(), { 'logs:w1': [numbers(10, 200), 0] })
    assert.deepEqual(second.take(), { 'logs:w1': [numbers(10, 200), 0] })
  })

  it('are one text for all pages, whatever is left out while they are told one after the other', () => {
    const { fleet, open, tick, say } = setChannels()
    const [first, second] = [open('logs:w1'), open('logs:w1')]
    tick()
    first.take()
    second.take()
    say(0, 10)
    tick()
    const told = first.watch.takeChanges()
    fleet.say('w1', [], 7)
    assert.deepEqual(second.watch.takeChanges(), told)
    assert.notEqual(told?.key, undefined)
    tick()
    for (const page of [first, second]) assert.deepEqual(page.take(), { 'logs:w1': [[], 7] })
  })

  it('are given up when the only page that wants them leaves', () => {
    const { fleet, open, tick, begin, say } = setChannels()
    const page = open('logs:w1')
    tick()
    page.take()
    say(0, 200)
    const end = begin(3)
    page.watch.stop()
    end()
    assert.deepEqual(page.take(), {})
    assert.equal(fleet.followers.get('w1')?.size, 0)
    const again = open('logs:w1')
    say(200, 2)
    tick()
    assert.deepEqual(again.take(), { 'logs:w1': [numbers(200, 2), 0] })
  })

  it('are not told under another filter that the page chooses meanwhile', () => {
    const { open, tick, begin, say } = setChannels()
    const page = open('logs?worker=w1')
    tick()
    page.take()
    say(0, 200)
    const end = begin(4)
    page.watch.watch(['logs?worker=w1&text=7'])
    say(200, 10)
    end()
    tick()
    assert.deepEqual(page.take(), { 'logs?worker=w1&text=7': [[207], 0] })
  })
})
