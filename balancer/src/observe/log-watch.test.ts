import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { everyLogLine } from '@berth/protocol'
import { toFeedEntry } from './balancer-log.ts'
import { makeFilter } from './log-filter.ts'
import { type FakePage, makeEntry, makeWorker, setStage } from './test-stage.ts'

const texts = (lines: readonly { text: string }[] | undefined) => lines?.map(({ text }) => text)

/** A worker's lines are objects of its own. */
const makeLines = (worker: string, count: number) =>
  Array.from({ length: count }, (_, i) => makeEntry(`${worker}-${i}`))

/** Of all frames of changes that have come. */
const logsOf = (page: FakePage) =>
  page.take().flatMap((frame) => ('changes' in frame ? Object.values(frame.changes.logs ?? {}) : []))

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
    assert.deepEqual(texts(lines), ['one', 'two'])
    assert.deepEqual(lines?.[1]?.fields, { worker: 'w1' })
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
    assert.deepEqual(page.takeChanges().logs, {
      'logs:w1': { lines: [{ ...makeEntry('new'), worker: 'w1' }], dropped: 3 },
    })
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

  it('gets half a megabyte of long lines at once, the newest, and the count of the others', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.page?.watch(['logs:w1'])
    quarters(1)
    page.take()
    const long = Array.from({ length: 60 }, (_, i) => makeEntry(`${i} ${'x'.repeat(16_000)}`))
    fleet.say('w1', long)
    quarters(1)
    const { lines = [], dropped } = page.takeChanges().logs?.['logs:w1'] ?? {}
    assert.equal(lines.length, 33)
    assert.equal(dropped, 27)
    assert.equal(lines.at(-1)?.text, long.at(-1)?.text)
    assert.equal(lines[0]?.text, long[27]?.text)
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
    const many = makeLines('w2', 1500)
    fleet.say('w1', makeLines('w1', 1500))
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
    fleet.say('w1', makeLines('w1', 3))
    quarters(1)
    assert.deepEqual(page.takeChanges().logs, { 'logs:w1': { lines: [], dropped: 3 } })
    quarters(2)
    page.take()
    fleet.say('w1', makeLines('w1', 3))
    quarters(1)
    assert.equal(page.takeChanges().logs?.['logs:w1']?.lines.length, 3)
  })

  it('hears a source that shouts evenly, not for the first moment of each second', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.take()
    page.page?.watch(['logs:w1'])
    const counts: number[] = []
    let total = 0
    for (let tick = 0; tick < 12; tick++) {
      fleet.say('w1', makeLines('w1', 2500))
      quarters(1)
      const { lines = [], dropped = 0 } = page.takeChanges().logs?.['logs:w1'] ?? {}
      counts.push(lines.length)
      total += lines.length + dropped
    }
    assert.deepEqual(counts, [2000, 0, 0, 0, 500, 500, 500, 500, 500, 500, 500, 500])
    assert.equal(total, 12 * 2500)
  })

  it('holds nothing for a page that does not read, which hears how much it missed', () => {
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
    const lines = page.takeSnapshot().logs['logs:w1']
    assert.equal(lines?.length, 2000)
    assert.equal(lines?.at(-1)?.text, '4-999')
    fleet.say('w1', [makeEntry('on')])
    quarters(4)
    const [changes] = page.take()
    assert.ok(changes !== undefined && 'changes' in changes)
    const { dropped, lines: more } = changes.changes.logs?.['logs:w1'] ?? {}
    assert.equal((dropped ?? 0) + (more?.length ?? 0), 3001)
  })

  it('has its followers ended with the feed', async () => {
    const { attach, fleet, feed } = setStage()
    attach().page?.watch(['logs:w1'])
    await feed.stop()
    assert.equal(fleet.followers.get('w1')?.size, 0)
  })
})

describe('a filter of log lines', () => {
  /** What a page gets when all of this is said at once. */
  function follow(word: string, say: (stage: ReturnType<typeof setStage>) => void) {
    const stage = setStage()
    stage.fleet.change('w1', { group: 'images', tags: { zone: 'eu', gpus: ['a', 'b'] } })
    const page = stage.attach()
    page.take()
    page.page?.watch([word])
    say(stage)
    stage.quarters(1)
    const [frame] = page.take()
    const changes = frame !== undefined && 'changes' in frame ? frame.changes : {}
    const { refused } = changes
    return { lines: texts(changes.logs?.[word]?.lines) ?? [], refused, wishes: stage.fleet.wishes }
  }
  const sayAll = ({ fleet, log }: ReturnType<typeof setStage>): void => {
    log.warn('Own', { n: 7 })
    fleet.say('w1', [
      { ...makeEntry('one Error 17'), level: 'error', run: 'r_1', fields: { code: 'E9' } },
      { ...makeEntry('two'), level: 'debug' },
    ])
    fleet.say('w2', [makeEntry('three'), { ...makeEntry('four'), run: 'r_1', level: 'warn' }])
  }
  const cases: [string, readonly string[]][] = [
    ['logs?', ['Own', 'one Error 17', 'two', 'three', 'four']],
    ['logs?source=balancer', ['Own']],
    ['logs?source=workers', ['one Error 17', 'two', 'three', 'four']],
    ['logs?level=warn', ['Own', 'one Error 17', 'four']],
    ['logs?worker=w2', ['three', 'four']],
    ['logs?worker=w2&worker=nobody', ['three', 'four']],
    ['logs?group=images', ['one Error 17', 'two']],
    ['logs?tag=zone%3Deu', ['one Error 17', 'two']],
    ['logs?tag=gpus%3Db&tag=zone', ['one Error 17', 'two']],
    ['logs?tag=zone%3Dus', []],
    ['logs?tag=toString', []],
    ['logs?task=r_1', ['one Error 17', 'four']],
    ['logs?text=ERROR', ['one Error 17']],
    ['logs?text=w2', ['three', 'four']],
    ['logs?text=e9', ['one Error 17']],
    ['logs?regex=%5Etwo%24%7CE%5Cd', ['one Error 17', 'two']],
    ['logs?regex=%5Ew2%24', ['three', 'four']],
    ['logs?regex=Error+%5Cd%2B&level=error', ['one Error 17']],
    ['logs?regex=error+1', []],
    ['logs?regex=(%3Fi)error+1', ['one Error 17']],
  ]
  for (const [word, expected] of cases) {
    it(`means what it says: ${word}`, () => {
      // The balancer's clock is not the workers'.
      assert.deepEqual(follow(word, sayAll).lines.toSorted(), [...expected].sort())
    })
  }

  it('asks workers for no more than is wanted', () => {
    const { wishes } = follow('logs?level=error&source=workers', () => {})
    assert.deepEqual(wishes.get('w1'), { level: 'error', backlog: 200, perSecond: 2000 })
    assert.equal(follow('logs?source=balancer&level=error', () => {}).wishes.size, 0)
  })

  it('asks each of many workers for its share, and not all of them in one turn', () => {
    const stage = setStage()
    stage.fleet.list = Array.from({ length: 1000 }, (_, i) => makeWorker(`w${i}`))
    const page = stage.attach()
    page.page?.watch(['logs?'])
    assert.equal(stage.fleet.wishes.size, 25)
    stage.quarters(1)
    assert.equal(stage.fleet.wishes.size, 1000)
    assert.deepEqual(stage.fleet.wishes.get('w999'), { level: 'debug', backlog: 1, perSecond: 20 })
    const countFollowed = () => [...stage.fleet.followers.values()].filter(({ size }) => size > 0).length
    page.page?.detach()
    assert.equal(countFollowed(), 975)
    stage.quarters(1)
    assert.equal(countFollowed(), 0)
  })

  it('is not told that what was there before it came was left out, however many workers there are', () => {
    for (const count of [20, 30, 100, 1000]) {
      const { fleet, attach, quarters } = setStage()
      fleet.list = Array.from({ length: count }, (_, i) => makeWorker(`w${i}`))
      // As much as the relay of a worker keeps that is followed already.
      fleet.recent = Array.from({ length: Math.min(500, 10_000 / count) }, (_, i) => makeEntry(`old ${i}`))
      const page = attach()
      page.take()
      page.page?.watch(['workers', 'logs?source=workers'])
      const told = { lines: 0, dropped: 0 }
      for (let quarter = 0; quarter < 8; quarter++) {
        quarters(1)
        for (const { lines, dropped } of logsOf(page)) {
          told.lines += lines.length
          told.dropped += dropped
        }
      }
      assert.deepEqual(told, { lines: 1000, dropped: 0 }, `${count} workers`)
    }
  })

  it('is told of all that was left out, also of what is while pages are told one after the other', () => {
    const { fleet, attach, quarters } = setStage()
    const pages = Array.from({ length: 3 }, () => attach())
    for (const page of pages) page.page?.watch(['workers', 'logs:w1'])
    quarters(2)
    for (const page of pages) page.take()
    const [first] = pages
    assert.ok(first)
    const send = first.send.bind(first)
    let isFirst = true
    first.send = (text) => {
      send(text)
      if (isFirst) fleet.say('w1', [], 7)
      isFirst = false
    }
    fleet.say('w1', [makeEntry('one')], 1)
    const told = [0, 0, 0]
    for (let quarter = 0; quarter < 6; quarter++) {
      quarters(1)
      pages.forEach((page, at) => {
        for (const { dropped } of logsOf(page)) told[at] = (told[at] ?? 0) + dropped
      })
    }
    assert.deepEqual(told, [8, 8, 8])
  })

  it('lets a worker go before it follows it for another filter, or lines of before would be missing', () => {
    for (const count of [3, 100]) {
      const { fleet, attach, quarters } = setStage()
      fleet.list = Array.from({ length: count }, (_, i) => makeWorker(`w${i}`))
      const follow = fleet.followLogs.bind(fleet)
      const followedBefore: number[] = []
      fleet.followLogs = (id, ...terms) => {
        followedBefore.push(fleet.followers.get(id)?.size ?? 0)
        return follow(id, ...terms)
      }
      const page = attach()
      page.page?.watch(['logs?level=warn'])
      quarters(1)
      page.page?.watch(['logs?'])
      quarters(1)
      assert.equal(followedBefore.length, 2 * count)
      assert.equal(Math.max(...followedBefore), 0)
    }
  })

  it('follows workers as they come, go and change', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.page?.watch(['logs?tag=zone%3Deu'])
    const followed = () => [...fleet.followers].flatMap(([id, set]) => (set.size > 0 ? [id] : []))
    assert.deepEqual(followed(), [])
    fleet.change('w1', { tags: { zone: 'eu' } })
    fleet.list = [...fleet.list, makeWorker('w3', { tags: { zone: 'eu' } })]
    quarters(4)
    assert.deepEqual(followed(), ['w1', 'w3'])
    fleet.change('w1', { tags: {} })
    fleet.list = fleet.list.slice(0, 2)
    quarters(4)
    assert.deepEqual(followed(), [])
  })

  it('is refused with the reason when it cannot be read, and told once', () => {
    const { attach, quarters } = setStage()
    const page = attach()
    page.take()
    page.page?.watch(['logs?regex=(', 'logs?colour=red', 'logs?level=info'])
    quarters(1)
    const { refused = {} } = page.takeChanges()
    assert.deepEqual(Object.keys(refused), ['logs?regex=(', 'logs?colour=red'])
    assert.match(refused['logs?regex=('] ?? '', /missing closing \): `\(`$/)
    quarters(4)
    assert.ok(page.take().every((frame) => 'changes' in frame && frame.changes.refused === undefined))
  })

  it('is one of 64 at most, however many pages share one', () => {
    const { attach, quarters } = setStage()
    for (let i = 0; i < 70; i++) attach().page?.watch(['logs?text=same'])
    for (let page = 0; page < 3; page++)
      attach().page?.watch(Array.from({ length: 21 }, (_, i) => `logs?text=${page}-${i}`))
    const late = attach()
    late.take()
    late.page?.watch(['logs?text=late', 'logs?text=same'])
    quarters(1)
    assert.deepEqual(Object.keys(late.takeChanges().refused ?? {}), ['logs?text=late'])
  })

  it('takes time by the length of a line alone', () => {
    const evil = ['(a|aa)+$', '(.*a){10}x', '(a|b)*a(a|b){30}c', '(?:a?){200}a{200}b'].map((regex) => {
      const made = makeFilter({ ...everyLogLine, regex })
      assert.ok(made.ok)
      return made.isWanted
    })
    const startedAt = performance.now()
    for (const isWanted of evil)
      for (let i = 0; i < 20; i++) isWanted(makeEntry(`${'ab'.repeat(i)}${'a'.repeat(16_000)}`), 'w1')
    assert.ok(performance.now() - startedAt < 20_000, 'at most 250 ms a line, on any machine')
    assert.equal(makeFilter({ ...everyLogLine, regex: '((a{100}){100}){100}' }).ok, false)
    assert.equal(makeFilter({ ...everyLogLine, regex: '(?=a)' }).ok, false)
  })
})

describe('pages that watch the same lines', () => {
  it('get the same frame, and one source is followed once', () => {
    const { attach, fleet, quarters } = setStage()
    const pages = [attach(), attach(), attach()]
    for (const page of pages) page.page?.watch(['workers', 'logs?level=warn'])
    quarters(1)
    for (const page of pages) page.take()
    assert.equal(fleet.followers.get('w1')?.size, 1)
    fleet.say('w1', [{ ...makeEntry('bad'), level: 'error' }])
    quarters(1)
    const [first, ...others] = pages.map((page) => page.texts[0])
    assert.match(first ?? '', /"text":"bad"/)
    for (const other of others) assert.equal(other, first)
  })

  it('end what is followed with the last of them', () => {
    const { attach, fleet, quarters } = setStage()
    const pages = [attach(), attach()]
    for (const page of pages) page.page?.watch(['logs?'])
    pages[0]?.page?.detach()
    quarters(1)
    assert.equal(fleet.followers.get('w1')?.size, 1)
    pages[1]?.page?.watch(['workers'])
    quarters(1)
    assert.equal(fleet.followers.get('w1')?.size, 0)
  })
})

describe('toFeedEntry', () => {
  it('keeps fields apart, and the bounds of the feed', () => {
    const at = '2026-01-01T00:00:00.000Z'
    const source = 's'.repeat(200)
    const entry = toFeedEntry({ at, level: 'info', text: 'did', source, run: 'r_1', n: 1, why: 'two words' })
    assert.deepEqual(entry.fields, { n: 1, why: 'two words' })
    assert.equal(entry.text, 'did')
    assert.equal(entry.source.length, 128)
    assert.equal(entry.run, 'r_1')
    const long = toFeedEntry({ at: 'x', level: 'info', text: 'x', source: 's', more: 'y'.repeat(20_000) })
    assert.equal(long.text.length, 16 * 1024)
    assert.equal(long.fields, undefined)
  })
})
