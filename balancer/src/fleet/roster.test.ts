/** The roster against real files: every way of writing, every bad file of CONTRACT §5, FAULTS C-1 … C-7, C-12. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { ConfigState, WorkerEntry } from '@berth/protocol'
import { createLog } from '@berth/runtime'
import { Roster } from './roster.ts'

const root = mkdtempSync(join(tmpdir(), 'berth-roster-'))
after(() => rmSync(root, { recursive: true, force: true }))

let folders = 0
function newFolder(): string {
  const folder = join(root, `f${++folders}`)
  mkdirSync(folder)
  return folder
}

/** The contract's second, which the quickest of a file's judgements must keep. */
const PROMISED_MS = 1_000
/** What else the machine does is not the roster's: so long any of them may take. */
const BOUND_MS = 60_000

class Watched {
  readonly rosters: { entries: readonly WorkerEntry[]; warnings: readonly string[] }[] = []
  readonly states: ConfigState[] = []
  readonly log = createLog({ source: 'test', write: () => {}, capacity: 10_000 })
  readonly roster: Roster
  /** How long judgements took from what was done to the file. */
  readonly tookMs: number[] = []
  #waiters: { isMet: () => boolean; wake: () => void }[] = []

  constructor(t: TestContext, file: string) {
    this.roster = new Roster({
      file,
      log: this.log,
      onRoster: (entries, warnings) => void this.rosters.push({ entries, warnings }),
      onState: (state) => {
        this.states.push(state)
        for (const waiter of this.#waiters) if (waiter.isMet()) waiter.wake()
      },
    })
    t.after(() => this.roster.stop())
  }

  /** Of several judgements. */
  assertPrompt(): void {
    assert.ok(Math.min(...this.tookMs) < PROMISED_MS, `they took ${this.tookMs} ms`)
  }

  get state(): ConfigState {
    return this.states.at(-1) ?? assert.fail('no state yet')
  }

  get urls(): string[] {
    return this.rosters.at(-1)?.entries.map(({ url }) => url) ?? []
  }

  /** Waits for a state that meets the condition. */
  async until(isMet: () => boolean, what: string): Promise<void> {
    if (isMet()) return
    const met = Promise.withResolvers<void>()
    this.#waiters.push({ isMet, wake: met.resolve })
    const timer = setTimeout(
      () =>
        met.reject(
          new Error(`${what} not seen within ${BOUND_MS} ms: ${JSON.stringify(this.states.at(-1))}`),
        ),
      BOUND_MS,
    )
    await met.promise.finally(() => clearTimeout(timer))
  }

  /** Does something to the file and waits for the next judgement. */
  async afterNext(act: () => void): Promise<void> {
    const count = this.states.length
    const startedAt = performance.now()
    act()
    await this.until(() => this.states.length > count, 'a judgement')
    this.tookMs.push(performance.now() - startedAt)
  }

  linesAbout(level: string): string[] {
    return this.log.entries().flatMap((entry) => (entry.level === level ? [entry.text] : []))
  }
}

async function watchFile(t: TestContext, file: string): Promise<Watched> {
  const watched = new Watched(t, file)
  await watched.roster.start()
  return watched
}

function listOf(...hosts: string[]): string {
  return JSON.stringify(hosts.map((host) => `http://${host}:1`))
}

/** A file with two workers that rests since long ago. */
async function watchGood(t: TestContext): Promise<{ file: string; folder: string; watched: Watched }> {
  const folder = newFolder()
  const file = join(folder, 'workers.json')
  writeFileSync(file, listOf('a', 'b'))
  utimesSync(file, 1, 1)
  const watched = await watchFile(t, file)
  assert.deepEqual(watched.urls, ['http://a:1', 'http://b:1'])
  return { file, folder, watched }
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.draft`, text)
  renameSync(`${file}.draft`, file)
}

test('a good file at start is applied before start resolves, also when it was written just now', async (t) => {
  const { watched } = await watchGood(t)
  assert.equal(watched.state.state, 'ok')
  const file = join(newFolder(), 'workers.json')
  writeFileSync(file, listOf('fresh'))
  assert.deepEqual((await watchFile(t, file)).urls, ['http://fresh:1'])
})

describe('every way of writing is seen within a second', { concurrency: 4 }, () => {
  test('in place', async (t) => {
    const { file, watched } = await watchGood(t)
    for (const host of ['c', 'd', 'e']) {
      await watched.afterNext(() => writeFileSync(file, listOf(host)))
      assert.deepEqual(watched.urls, [`http://${host}:1`])
    }
    watched.assertPrompt()
  })

  test('in place, with the size and the time of change as before', async (t) => {
    const { file, watched } = await watchGood(t)
    await watched.afterNext(() => {
      writeFileSync(file, listOf('a', 'z'))
      utimesSync(file, 1, 1)
    })
    assert.deepEqual(watched.urls, ['http://a:1', 'http://z:1'])
  })

  test('20 times by rename', async (t) => {
    const { file, watched } = await watchGood(t)
    for (let swap = 0; swap < 20; swap++) {
      await watched.afterNext(() => replace(file, listOf(`w${swap}`)))
      assert.deepEqual(watched.urls, [`http://w${swap}:1`])
    }
    watched.assertPrompt()
  })

  test('20 times by symlink swap, the targets in another folder', async (t) => {
    const folder = newFolder()
    const targets = newFolder()
    const file = join(folder, 'workers.json')
    const link = (swap: number) => {
      const target = join(targets, `list-${swap}.json`)
      writeFileSync(target, listOf(`w${swap}`))
      symlinkSync(target, `${file}.draft`)
      renameSync(`${file}.draft`, file)
    }
    link(-1)
    const watched = await watchFile(t, file)
    for (let swap = 0; swap < 20; swap++) {
      await watched.afterNext(() => link(swap))
      assert.deepEqual(watched.urls, [`http://w${swap}:1`])
    }
    watched.assertPrompt()
    await watched.afterNext(() => writeFileSync(join(targets, 'list-19.json'), listOf('target')))
    assert.deepEqual(watched.urls, ['http://target:1'])
  })

  test('as Kubernetes swaps a ConfigMap: ..data points to another folder', async (t) => {
    const folder = newFolder()
    const file = join(folder, 'workers.json')
    const swapTo = (version: number) => {
      const data = `..version-${version}`
      mkdirSync(join(folder, data))
      writeFileSync(join(folder, data, 'workers.json'), listOf(`v${version}`))
      symlinkSync(data, join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
      rmSync(join(folder, `..version-${version - 1}`), { recursive: true, force: true })
    }
    swapTo(0)
    symlinkSync('..data/workers.json', file)
    const watched = await watchFile(t, file)
    for (let version = 1; version <= 5; version++) {
      await watched.afterNext(() => swapTo(version))
      assert.deepEqual(watched.urls, [`http://v${version}:1`])
    }
    watched.assertPrompt()
  })

  test('as an editor does: away under another name, then written anew', async (t) => {
    const { file, watched } = await watchGood(t)
    await watched.afterNext(() => {
      renameSync(file, `${file}~`)
      writeFileSync(file, listOf('edited'))
      unlinkSync(`${file}~`)
    })
    assert.deepEqual(watched.urls, ['http://edited:1'])
    assert.equal(watched.states.length, 2)
  })

  test('after the folder itself was replaced', async (t) => {
    const { file, folder, watched } = await watchGood(t)
    await watched.afterNext(() => {
      renameSync(folder, `${folder}-old`)
      mkdirSync(folder)
      writeFileSync(file, listOf('moved'))
    })
    assert.deepEqual(watched.urls, ['http://moved:1'])
    await watched.afterNext(() => writeFileSync(file, listOf('again')))
    assert.deepEqual(watched.urls, ['http://again:1'])
  })
})

test('a file written in pieces is applied once, whole (C-2)', async (t) => {
  const { file, watched } = await watchGood(t)
  for (let round = 0; round < 5; round++) {
    const text = listOf(...Array.from({ length: 100 }, (_, i) => `r${round}-w${i}`))
    const size = Math.ceil(text.length / 10)
    writeFileSync(file, '')
    for (let piece = 0; piece < 10; piece++) {
      appendFileSync(file, text.slice(piece * size, (piece + 1) * size))
      await pause(20)
    }
    await watched.until(() => watched.urls[0] === `http://r${round}-w0:1`, 'the whole list')
  }
  assert.deepEqual(
    watched.rosters.map(({ entries }) => entries.length),
    [2, 100, 100, 100, 100, 100],
  )
})

test('an old list that a new one overwrites from the front is never applied half', async (t) => {
  const { file, watched } = await watchGood(t)
  const longer = listOf('a1', 'a2', 'a3')
  const shorter = listOf('b1', 'b2', 'b3')
  await watched.afterNext(() => writeFileSync(file, longer))
  for (let at = 1; at <= shorter.length; at += 7) {
    writeFileSync(file, shorter.slice(0, at) + longer.slice(at))
    await pause(20)
  }
  await watched.afterNext(() => writeFileSync(file, shorter))
  const lists = watched.rosters.map(({ entries }) => entries.map(({ id }) => id).join())
  assert.deepEqual(lists.slice(1), ['a1:1,a2:1,a3:1', 'b1:1,b2:1,b3:1'])
})

const urls = (count: number) => JSON.stringify(Array.from({ length: count }, (_, i) => `http://w${i}:1`))

/** [name, how it is brought about, what the error says, line, column] */
const BAD: readonly (readonly [string, (file: string) => void, RegExp, number?, number?])[] = [
  ['missing', (file) => unlinkSync(file), /missing/],
  ['empty', (file) => writeFileSync(file, ''), /empty/],
  ['a bracket', (file) => writeFileSync(file, '['), /not JSON/, 1, 2],
  ['half a file', (file) => writeFileSync(file, '[\n "http://a:1",\n "http'), /not JSON/, 3, 7],
  ['not JSON', (file) => writeFileSync(file, 'workers: none'), /not JSON/, 1, 1],
  ['not UTF-8', (file) => writeFileSync(file, Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])), /not UTF-8/],
  ['an object', (file) => writeFileSync(file, '{}'), /must hold an array/, 1, 1],
  ['a number as entry', (file) => writeFileSync(file, '["http://a:1",\n5]'), /entry 2: /, 2, 1],
  ['nested lists', (file) => writeFileSync(file, '[["http://a:1"]]'), /entry 1: /, 1, 2],
  ['another scheme', (file) => writeFileSync(file, '["javascript:alert(1)"]'), /another scheme/, 1, 2],
  ['file:', (file) => writeFileSync(file, '["file:///etc/passwd"]'), /another scheme/, 1, 2],
  ['a URL of 10 kB', (file) => writeFileSync(file, `["http://a/${'x'.repeat(10_000)}"]`), /the URL: /, 1, 2],
  ['credentials', (file) => writeFileSync(file, '["http://me:hidden@a:1"]'), /credentials/, 1, 2],
  [
    'two entries with one name',
    (file) => writeFileSync(file, '[{"url":"http://a:1","name":"x"},\n{"url":"http://b:1","name":"x"}]'),
    /named "x" already/,
    2,
    1,
  ],
  ['more than 20,000 entries', (file) => writeFileSync(file, urls(20_001)), /20001 entries are over 20000/],
  ['100,000 entries', (file) => writeFileSync(file, urls(100_000)), /over 20000/],
  ['over 16 MiB', (file) => writeFileSync(file, `[]${' '.repeat(16 * 1024 * 1024)}`), /over 16 MiB/],
  [
    'a pipe',
    (file) => {
      unlinkSync(file)
      execFileSync('mkfifo', [file])
    },
    /a pipe/,
  ],
  [
    'a folder',
    (file) => {
      unlinkSync(file)
      mkdirSync(file)
    },
    /a folder/,
  ],
  ['/dev/zero', (file) => relink('/dev/zero', file), /a device/],
  ['/etc/passwd', (file) => relink('/etc/passwd', file), /not JSON/, 1, 1],
  ['a link to itself', (file) => relink(file, file), /ELOOP/],
  ['a link to nothing', (file) => relink(`${file}.nothing`, file), /missing/],
]

function relink(target: string, file: string): void {
  unlinkSync(file)
  symlinkSync(target, file)
}

describe('a bad file keeps the last good fleet, says why once, and is left behind by a good one', {
  concurrency: 4,
}, () => {
  for (const [name, spoil, message, line, column] of BAD) {
    test(name, async (t) => {
      const { file, watched } = await watchGood(t)
      await watched.afterNext(() => spoil(file))
      assert.equal(watched.state.state, 'stale')
      assert.match(watched.state.error ?? '', message)
      assert.deepEqual([watched.state.line, watched.state.column], [line, column])
      assert.equal(watched.rosters.length, 1)
      const [logged, ...more] = watched.linesAbout('error')
      assert.deepEqual(more, [])
      assert.match(logged ?? '', message)
      assert.match(
        logged ?? '',
        line === undefined ? /last good fleet stays/ : new RegExp(`line ${line}, column`),
      )
      await watched.afterNext(() => {
        rmSync(file, { recursive: true, force: true })
        writeFileSync(file, listOf('good'))
      })
      assert.equal(watched.state.state, 'ok')
      assert.equal(watched.state.error, undefined)
      assert.deepEqual(watched.urls, ['http://good:1'])
      assert.equal(watched.linesAbout('error').length, 1)
    })
  }
})

test('each bad version is told once; since stays that of the first', async (t) => {
  const { file, watched } = await watchGood(t)
  await watched.afterNext(() => writeFileSync(file, '['))
  const { since } = watched.state
  await watched.afterNext(() => writeFileSync(file, '{}'))
  await watched.afterNext(() => unlinkSync(file))
  assert.equal(watched.state.since, since)
  assert.equal(watched.linesAbout('error').length, 3)
})

test('the same content again changes nothing; back from bad it is only told', async (t) => {
  const { file, watched } = await watchGood(t)
  const text = readFileSync(file, 'utf8')
  const judgements = watched.states.length
  replace(file, text)
  writeFileSync(file, text)
  await watched.afterNext(() => writeFileSync(file, '['))
  assert.equal(watched.states.length, judgements + 1)
  await watched.afterNext(() => writeFileSync(file, text))
  assert.equal(watched.state.state, 'ok')
  assert.equal(watched.rosters.length, 1)
})

test('missing at start: the fleet is empty and waits for the file', async (t) => {
  const folder = join(newFolder(), 'not', 'yet')
  const file = join(folder, 'workers.json')
  const watched = await watchFile(t, file)
  assert.equal(watched.state.state, 'stale')
  assert.match(watched.state.error ?? '', /missing/)
  assert.match(watched.linesAbout('error')[0] ?? '', /the fleet is empty until/)
  assert.equal(watched.rosters.length, 0)
  await watched.afterNext(() => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, listOf('late'))
  })
  assert.deepEqual(watched.urls, ['http://late:1'])
})

test('[] removes all, and a warning says so', async (t) => {
  const { file, watched } = await watchGood(t)
  await watched.afterNext(() => writeFileSync(file, '[]'))
  assert.equal(watched.state.state, 'ok')
  assert.deepEqual(watched.rosters.at(-1), { entries: [], warnings: [] })
  assert.match(watched.linesAbout('warn').join(), /lists no worker: all 2 are removed/)
})

test('one worker written in several ways is one, with warnings in state and log (C-7)', async (t) => {
  const { file, watched } = await watchGood(t)
  const ways = ['http://a:80', 'http://a/', 'HTTP://A', 'http://a', 'http://b']
  await watched.afterNext(() => writeFileSync(file, JSON.stringify(ways)))
  assert.deepEqual(watched.urls, ['http://a', 'http://b'])
  assert.equal(watched.state.warnings.length, 3)
  assert.equal(watched.linesAbout('warn').length, 3)
})

test('10,000 entries are good, seen within a second, and a change of one of them too', async (t) => {
  const { file, watched } = await watchGood(t)
  await watched.afterNext(() => replace(file, urls(10_000)))
  assert.equal(watched.urls.length, 10_000)
  await watched.afterNext(() => replace(file, urls(9_999)))
  assert.equal(watched.urls.length, 9_999)
})

test('no key of the file is ever logged or told', async (t) => {
  const { file, watched } = await watchGood(t)
  const entry = (extra: string) => `[{"url": "http://a:1", "key": "hidden-key"${extra}]`
  for (const text of [
    entry('}'),
    entry(' oops}'),
    entry(', "weight": "x"}'),
    entry(''),
    '["http://a?hidden-key"]',
  ])
    await watched.afterNext(() => writeFileSync(file, text))
  assert.equal(watched.rosters.at(-1)?.entries[0]?.key, 'hidden-key')
  assert.doesNotMatch(watched.log.lines().join('\n') + JSON.stringify(watched.states), /hidden-key/)
})

test('nothing is told after stop, which may come at any time and twice', async (t) => {
  const { file, watched } = await watchGood(t)
  writeFileSync(file, listOf('c'))
  await watched.roster.stop()
  await watched.roster.stop()
  const witness = await watchFile(t, file)
  assert.deepEqual(witness.urls, ['http://c:1'])
  assert.equal(watched.states.length, 1)
  const early = new Watched(t, file)
  const started = early.roster.start()
  await early.roster.stop()
  await started
  assert.equal(early.states.length, 0)
})
