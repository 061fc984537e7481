import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toFeedEntry } from './balancer-log.ts'
import { makeEntry, makeWorker, setStage } from './test-stage.ts'

const texts = (lines: readonly { text: string }[] | undefined) => lines?.map(({ text }) => text)

describe('a page that watches logs', () => {
  it('gets what a source has, then what comes, four times a second', () => {
    const { attach, log, quarters } = setStage()
    log.info('before')
    const page = attach()
    page.take()
    page.page?.watch(['workers', 'logs'])
    quarters(1)
    assert.deepEqual(texts(page.takeChanges().logs?.logs?.lines), ['before'])
    log.info('one')
    log.warn('two', { worker: 'w1' })
    quarters(1)
    const { lines, dropped } = page.takeChanges().logs?.logs ?? {}
    assert.deepEqual(texts(lines), ['one', 'two worker=w1'])
    assert.equal(lines?.[1]?.level, 'warn')
    assert.equal(dropped, 0)
    quarters(1)
    assert.deepEqual(page.take(), [])
  })

  it('gets the lines of the workers it names, with what they dropped', () => {
    const { attach, fleet, quarters } = setStage()
    fleet.recent = [makeEntry('kept')]
    const page = attach()
    page.take()
    page.page?.watch(['workers', 'logs:w1', 'runs?status=failed', 'logs:'])
    quarters(1)
    assert.deepEqual(texts(page.takeChanges().logs?.['logs:w1']?.lines), ['kept'])
    fleet.say('w1', [makeEntry('new')], 3)
    fleet.say('w2', [makeEntry('other')])
    quarters(1)
    assert.deepEqual(page.takeChanges().logs, { 'logs:w1': { lines: [makeEntry('new')], dropped: 3 } })
  })

  it('gets nothing of what it no longer watches, and goes on with what it still does', () => {
    const { attach, fleet, log, quarters } = setStage()
    const page = attach()
    page.take()
    page.page?.watch(['workers', 'logs', 'logs:w1'])
    fleet.say('w1', [makeEntry('unread')])
    page.page?.watch(['workers', 'logs'])
    log.info('read')
    quarters(1)
    assert.deepEqual(Object.keys(page.takeChanges().logs ?? {}), ['logs'])
    assert.equal(fleet.followers.get('w1')?.size, 0)
  })

  it('does not follow twice what stands in two lists', () => {
    const { attach, fleet } = setStage()
    const page = attach()
    page.page?.watch(['logs:w1'])
    page.page?.watch(['logs:w1', 'workers'])
    page.page?.watch(['logs:w1', 'logs:w1'])
    assert.equal(fleet.followers.get('w1')?.size, 1)
  })

  it('finds a worker that comes later', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.page?.watch(['logs:w9'])
    fleet.list = [...fleet.list, makeWorker('w9')]
    quarters(4)
    page.take()
    fleet.say('w9', [makeEntry('here')])
    quarters(1)
    assert.deepEqual(texts(page.takeChanges().logs?.['logs:w9']?.lines), ['here'])
  })

  it('lets 2,000 lines a second through, the newest, and counts the others', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.take()
    page.page?.watch(['workers', 'logs:w1', 'logs:w2'])
    const many = Array.from({ length: 1500 }, (_, i) => makeEntry(`${i}`))
    fleet.say('w1', many)
    fleet.say('w2', many)
    quarters(1)
    const logs = page.takeChanges().logs ?? {}
    assert.equal(logs['logs:w1']?.lines.length, 1500)
    assert.equal(logs['logs:w1']?.dropped, 0)
    assert.deepEqual(
      texts(logs['logs:w2']?.lines),
      many.slice(1000).map(({ text }) => text),
    )
    assert.equal(logs['logs:w2']?.dropped, 1000)
    fleet.say('w1', many.slice(0, 3))
    quarters(1)
    assert.deepEqual(page.takeChanges().logs, { 'logs:w1': { lines: [], dropped: 3 } })
    quarters(2)
    page.take()
    fleet.say('w1', many.slice(0, 3))
    quarters(1)
    assert.equal(page.takeChanges().logs?.['logs:w1']?.lines.length, 3)
  })

  it('holds no more than that for a page that does not read', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.page?.watch(['workers', 'logs:w1'])
    page.take()
    page.buffered = 10_000_000
    for (let second = 0; second < 5; second++) {
      fleet.say(
        'w1',
        Array.from({ length: 1000 }, (_, i) => makeEntry(`${second}-${i}`)),
      )
      quarters(4)
    }
    page.buffered = 0
    quarters(1)
    assert.equal(page.takeSnapshot().logs['logs:w1']?.length, 2000)
    fleet.say('w1', [makeEntry('on')])
    quarters(1)
    assert.deepEqual(page.takeChanges().logs, { 'logs:w1': { lines: [makeEntry('on')], dropped: 3000 } })
  })

  it('has its followers ended with the feed', async () => {
    const { attach, fleet, feed } = setStage()
    attach().page?.watch(['logs:w1'])
    await feed.stop()
    assert.equal(fleet.followers.get('w1')?.size, 0)
  })
})

describe('toFeedEntry', () => {
  it('says fields in the text and keeps the bounds of the feed', () => {
    const entry = toFeedEntry({
      at: '2026-01-01T00:00:00.000Z',
      level: 'info',
      text: 'did',
      source: 's'.repeat(200),
      run: 'r_1',
      n: 1,
      why: 'two words',
      which: 'one',
    })
    assert.equal(entry.text, 'did n=1 why="two words" which=one')
    assert.equal(entry.source.length, 128)
    assert.equal(entry.run, 'r_1')
    const long = toFeedEntry({ at: 'x', level: 'info', text: 'x', source: 's', more: 'y'.repeat(20_000) })
    assert.equal(long.text.length, 16 * 1024)
  })
})
