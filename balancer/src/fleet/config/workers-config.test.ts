import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { WorkerEntry, WorkerView } from '@berth/protocol'
import { createLog, systemClock } from '@berth/runtime'
import type { FunctionView } from '../../ports/fleet.ts'
import type { StoreWrite } from '../../ports/store.ts'
import type { ConfigResult } from '../../ports/workers-config.ts'
import { Roster } from '../roster.ts'
import { WorkersConfig } from './workers-config.ts'

const ANN = { by: 'key', reason: 'a new rack' }
const KEY = 'a-key-of-the-tests'

/** A roster on a real file, and the store as far as the history needs it. */
class Site {
  readonly file: string
  readonly lists: (readonly WorkerEntry[])[] = []
  readonly texts = new Map<number, string>()
  readonly writes: StoreWrite[] = []
  readonly log = createLog({ source: 'test', write: () => {}, capacity: 1_000 })
  workers: WorkerView[] = []
  functions: FunctionView[] = []
  fault: string | undefined
  roster: Roster
  config: WorkersConfig
  #waiting: (() => void)[] = []

  constructor(t: TestContext, text: string | undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'berth-config-'))
    this.file = join(folder, 'workers.json')
    if (text !== undefined) writeFileSync(this.file, text)
    const { roster, config } = this.#open([])
    this.roster = roster
    this.config = config
    t.after(async () => {
      await this.roster.stop()
      rmSync(folder, { recursive: true, force: true })
    })
  }

  #open(stored: ReturnType<WorkersConfig['versions']>) {
    const roster: Roster = new Roster({
      file: this.file,
      log: this.log,
      onRoster: (entries) => this.lists.push(entries),
      onApplied: (applied) => config.noteApplied(applied),
      onState: () => {
        for (const wake of this.#waiting.splice(0)) wake()
      },
    })
    const config = new WorkersConfig({
      file: this.file,
      roster,
      fleet: { workers: () => this.workers, functions: () => this.functions },
      secret: 's',
      keeper: {
        keep: async (writes) => {
          if (this.fault !== undefined) return { ok: false, detail: this.fault }
          for (const write of writes)
            if (write.kind === 'config-version') this.texts.set(write.version.version, write.text)
          this.writes.push(...writes)
          return { ok: true }
        },
      },
      reads: { configText: async (version) => this.texts.get(version) ?? null },
      clock: systemClock,
      log: this.log,
      stored,
    })
    return { roster, config }
  }

  async start(): Promise<this> {
    await this.roster.start()
    await this.config.settled()
    return this
  }

  /** As a new process finds it. */
  async restart(): Promise<void> {
    await this.roster.stop()
    const { roster, config } = this.#open(this.config.versions())
    this.roster = roster
    this.config = config
    await this.start()
  }

  /** Writes by hand and waits until that was judged. */
  async byHand(text: string): Promise<void> {
    const judged = new Promise<void>((resolve) => this.#waiting.push(resolve))
    writeFileSync(this.file, text)
    await judged
    await this.config.settled()
  }

  get text(): string {
    return readFileSync(this.file, 'utf8')
  }

  get urls(): readonly string[] {
    return this.lists.at(-1)?.map(({ url }) => url) ?? []
  }
}

function open(t: TestContext, text?: string): Promise<Site> {
  return new Site(t, text).start()
}

function good<T>(result: ConfigResult<T>): T {
  assert.ok(result.ok, JSON.stringify(result))
  return result.value
}

function bad<T>(result: ConfigResult<T>) {
  assert.ok(!result.ok, JSON.stringify(result))
  return result.error
}

async function etagOf({ config }: Site): Promise<string> {
  return good(await config.read()).etag
}

function worker(id: string, changes: Partial<WorkerView> = {}): WorkerView {
  const slots = { limit: 4, used: 1, stuck: 0, available: 3, queue: 0 }
  return { id, status: 'ready', slots, ...changes } as WorkerView
}

function served(name: string, workers: string[]): FunctionView {
  return { name, group: 'default', contract: 1, workers } as unknown as FunctionView
}

const TWO = `[\n  "http://a:1",\n  {"url": "http://b:1", "name": "b", "key": "${KEY}"}\n]\n`

describe('reading', () => {
  test('gives the text as it stands, without keys, and a tag that only its content changes', async (t) => {
    const site = await open(t, TWO)
    const { text, etag } = good(await site.config.read())
    assert.equal(text, TWO.replace(KEY, '***'))
    assert.equal(await etagOf(site), etag)
    await site.byHand(TWO.replace(KEY, 'another'))
    assert.notEqual(await etagOf(site), etag)
  })

  test('a file that is wrong is shown all the same, so that it can be mended', async (t) => {
    const site = await open(t, TWO)
    await site.byHand(`[{"url": "http://b:1" "key": "${KEY}"}]`)
    const { text, etag } = good(await site.config.read())
    assert.equal(text, '[{"url": "http://b:1" "key": "***"}]')
    good(await site.config.write('[{"url": "http://b:1", "key": "***"}]', { ifMatch: etag }, ANN))
    assert.equal(site.text, `[{"url": "http://b:1", "key": "${KEY}"}]`)
  })

  test('a missing file is 404, and made by a change that knows it', async (t) => {
    const site = await open(t)
    assert.equal(bad(await site.config.read()).code, 'NOT_FOUND')
    assert.equal(bad(await site.config.write('[]', { ifMatch: '*' }, ANN)).code, 'PRECONDITION_FAILED')
    good(await site.config.write('["http://a:1"]', { ifNoneMatch: '*' }, ANN))
    assert.deepEqual(site.urls, ['http://a:1'])
    assert.equal(statSync(site.file).mode & 0o777, 0o600)
  })
})

describe('writing', () => {
  test('is applied before it is answered, keeps keys and mode, and says what it changed', async (t) => {
    const site = await open(t, TWO)
    chmodSync(site.file, 0o640)
    const text = '[{"url":"http://b:1","name":"b","key":"***","weight":2},"http://c:1"]'
    const applied = good(await site.config.write(text, { ifMatch: await etagOf(site) }, ANN))
    assert.equal(site.text, text.replace('***', KEY))
    assert.equal(statSync(site.file).mode & 0o777, 0o640)
    assert.deepEqual(site.urls, ['http://b:1', 'http://c:1'])
    const { added, removed, changed, version, isApplied, etag, workers } = applied
    assert.deepEqual(
      { added, removed, changed, version, isApplied, workers },
      {
        added: ['c:1'],
        removed: ['a:1'],
        changed: [{ id: 'b', fields: ['weight'] }],
        version: 2,
        isApplied: true,
        workers: 2,
      },
    )
    assert.equal(etag, await etagOf(site))
  })

  test('needs a condition, and that it holds', async (t) => {
    const site = await open(t, TWO)
    const etag = await etagOf(site)
    assert.equal(bad(await site.config.write('[]', {}, ANN)).code, 'PRECONDITION_REQUIRED')
    for (const condition of [{ ifMatch: '"other"' }, { ifMatch: `W/${etag}` }, { ifNoneMatch: '*' }]) {
      const refused = await site.config.write('[]', condition, ANN)
      assert.equal(bad(refused).code, 'PRECONDITION_FAILED', JSON.stringify(condition))
      assert.equal(refused.ok ? '' : refused.etag, etag)
    }
    assert.equal(site.text, TWO)
    good(await site.config.write('[]', { ifMatch: `"x", ${etag}` }, ANN))
  })

  test('a change by hand that nobody has seen is not lost', async (t) => {
    const site = await open(t, TWO)
    const etag = await etagOf(site)
    writeFileSync(site.file, '["http://theirs:1"]')
    assert.equal(bad(await site.config.write('[]', { ifMatch: etag }, ANN)).code, 'PRECONDITION_FAILED')
    assert.equal(site.text, '["http://theirs:1"]')
  })

  test('a list that is wrong changes nothing and is named with its places', async (t) => {
    const site = await open(t, TWO)
    const condition = { ifMatch: await etagOf(site) }
    const wrong = bad(
      await site.config.write(
        '["http://a:1",\n {"url":"http://b","weight":101},\n"ftp://c"]',
        condition,
        ANN,
      ),
    )
    assert.equal(wrong.code, 'INVALID_REQUEST')
    assert.deepEqual(
      wrong.errors?.map(({ pointer }) => pointer),
      ['/1/weight', '/2'],
    )
    const masked = bad(await site.config.write('[{"url":"http://new:1","key":"***"}]', condition, ANN))
    assert.deepEqual([masked.code, masked.errors?.[0]?.pointer], ['INVALID_REQUEST', '/0/key'])
    assert.equal(site.text, TWO)
  })

  test('a file that cannot be written says why', async (t) => {
    const site = await open(t, TWO)
    assert.deepEqual((await site.config.state()).isWritable, true)
    chmodSync(site.file, 0o444)
    const refused = bad(await site.config.write('[]', { ifMatch: await etagOf(site) }, ANN))
    assert.equal(refused.code, 'READ_ONLY_FILE')
    assert.match(refused.detail, /mode allows nobody/)
    const { isWritable, readOnlyReason } = await site.config.state()
    assert.deepEqual([isWritable, /mode/.test(readOnlyReason ?? '')], [false, true])
    assert.deepEqual(site.urls, ['http://a:1', 'http://b:1'])
  })

  test('what is there already is no version', async (t) => {
    const site = await open(t, TWO)
    const same = good(await site.config.write(TWO.replace(KEY, '***'), { ifMatch: await etagOf(site) }, ANN))
    assert.deepEqual([same.version, same.isApplied], [null, false])
    assert.equal(site.config.versions().length, 1)
  })

  test('through a link, which stays', async (t) => {
    const site = await open(t, TWO)
    const target = `${site.file}.real`
    writeFileSync(target, TWO)
    unlinkSync(site.file)
    symlinkSync(target, site.file)
    good(await site.config.write('["http://l:1"]', { ifMatch: await etagOf(site) }, ANN))
    assert.equal(readFileSync(target, 'utf8'), '["http://l:1"]')
    assert.deepEqual(site.urls, ['http://l:1'])
  })

  test('a hundred changes one after another are each applied once', async (t) => {
    const site = await open(t, '[]')
    const before = site.lists.length
    for (let at = 0; at < 100; at++)
      good(await site.config.write(`["http://w${at}:1"]`, { ifMatch: await etagOf(site) }, ANN))
    assert.equal(site.lists.length - before, 100)
  })
})

describe('dry runs', () => {
  test('count what would be lost, and change nothing', async (t) => {
    const site = await open(
      t,
      '[{"url":"http://a:1","name":"a"},{"url":"http://b:1","name":"b"},{"url":"http://c:1","name":"c"}]',
    )
    site.workers = [
      worker('a'),
      worker('b', { status: 'saturated', slots: { limit: 8, used: 8, stuck: 0, available: 0, queue: 0 } }),
      worker('c'),
      worker('d', { status: 'maintenance' }),
    ]
    site.functions = [served('ocr', ['a', 'd']), served('hello', ['a', 'b', 'c']), served('old', ['d'])]
    const text =
      '[{"url":"http://b:1","name":"b","maintenance":true},{"url":"http://c:1","name":"c","tags":{"x":1}},"http://e:1"]'
    const preview = good(await site.config.preview({ text }))
    assert.deepEqual(preview, {
      ok: true,
      errors: [],
      added: ['e:1'],
      removed: ['a'],
      changed: [
        { id: 'b', fields: ['maintenance'] },
        { id: 'c', fields: ['tags'] },
      ],
      slotsLost: 12,
      slotsLostShare: 0.75,
      running: 9,
      functionsLeft: [{ group: 'default', contract: 1, name: 'ocr' }],
      workers: 3,
      warnings: [],
    })
    assert.equal(site.lists.length, 1)
  })

  test('name every fault with line and column', async (t) => {
    const site = await open(t, TWO)
    const preview = good(
      await site.config.preview({ text: '[\n  5,\n  {"url":"http://x:1","key":"***"}\n]' }),
    )
    assert.equal(preview.ok, false)
    assert.deepEqual(
      preview.errors.map(({ pointer, line, column }) => [pointer, line, column]),
      [['/0', 2, 3]],
    )
    const masked = good(await site.config.preview({ text: '[{"url":"http://x:1","key":"***"}]' }))
    assert.deepEqual(
      masked.errors.map(({ pointer }) => pointer),
      ['/0/key'],
    )
    assert.equal(good(await site.config.preview({ text: TWO.replace(KEY, '***') })).ok, true)
  })

  test('do not tell whether a key that is written out is the one that is kept', async (t) => {
    const site = await open(t, TWO)
    const changedBy = async (key: string) =>
      good(await site.config.preview({ text: TWO.replace(KEY, key) })).changed
    const byGuess = await changedBy('a-guess')
    assert.deepEqual(byGuess, [{ id: 'b', fields: ['key'] }])
    assert.deepEqual(await changedBy(KEY), byGuess)
    assert.deepEqual(await changedBy('***'), [], 'the mask keeps it')
    assert.deepEqual(await changedBy('***","weight":2,"key":"***'), [{ id: 'b', fields: ['weight'] }])
    const byUrl = good(
      await site.config.preview({ text: `["http://a:1",{"url":"http://b:1","key":"${KEY}"}]` }),
    )
    assert.deepEqual([byUrl.added, byUrl.changed], [['b:1'], []])
  })
})

describe('the history', () => {
  test('has changes by hand and by request, by whom and why, and never a key', async (t) => {
    const site = await open(t, TWO)
    await site.byHand(`["http://a:1", {"url": "http://c:1", "key": "${KEY}2"}]`)
    good(await site.config.write('[]', { ifMatch: await etagOf(site) }, ANN))
    const shown = site.config
      .versions()
      .map(({ version, who, reason, action, workers, added, removed }) => [
        version,
        who,
        reason,
        action,
        workers,
        added,
        removed,
      ])
    assert.deepEqual(shown, [
      [3, 'key', 'a new rack', 'change', 0, 0, 2],
      [2, 'file', null, 'change', 2, 1, 1],
      [1, 'file', null, 'start', 2, 2, 0],
    ])
    assert.doesNotMatch(JSON.stringify(site.writes), new RegExp(KEY))
    assert.equal(await site.config.textOf(1), TWO.replace(KEY, '***'))
    assert.equal(await site.config.textOf(9), undefined)
  })

  test('goes on after a restart, and says what changed meanwhile', async (t) => {
    const site = await open(t, TWO)
    await site.restart()
    assert.equal(site.config.versions().length, 1, 'the same list is no new version')
    await site.roster.stop()
    writeFileSync(site.file, '["http://a:1"]')
    await site.restart()
    const [newest] = site.config.versions()
    assert.deepEqual([newest?.version, newest?.who, newest?.added, newest?.removed], [2, 'file', 0, 1])
  })

  test('rolls back, with the keys of what was removed', async (t) => {
    const site = await open(t, TWO)
    good(await site.config.write('[]', { ifMatch: await etagOf(site) }, ANN))
    const preview = good(await site.config.preview({ version: 1 }))
    assert.deepEqual([preview.ok, preview.added], [true, ['a:1', 'b']])
    const back = good(await site.config.rollBack(1, {}, { by: 'key', reason: 'oops' }))
    assert.equal(site.text, TWO)
    assert.deepEqual(back.added, ['a:1', 'b'])
    const [newest] = site.config.versions()
    assert.deepEqual(
      [newest?.version, newest?.action, newest?.of, newest?.reason],
      [3, 'rollback', 1, 'oops'],
    )
  })

  test('cannot bring back a key that this process has never known', async (t) => {
    const site = await open(t, TWO)
    good(await site.config.write('[]', { ifMatch: await etagOf(site) }, ANN))
    await site.restart()
    const refused = bad(await site.config.rollBack(1, {}, ANN))
    assert.deepEqual([refused.code, refused.errors?.[0]?.pointer], ['CONFLICT', '/1/key'])
    assert.equal(good(await site.config.preview({ version: 1 })).errors[0]?.pointer, '/1/key')
    assert.equal(bad(await site.config.rollBack(77, {}, ANN)).code, 'NOT_FOUND')
    assert.equal(site.text, '[]')
  })

  test('holds to the condition that a rolling back names', async (t) => {
    const site = await open(t, TWO)
    good(await site.config.write('[]', { ifMatch: await etagOf(site) }, ANN))
    assert.equal(bad(await site.config.rollBack(1, { ifMatch: '"x"' }, ANN)).code, 'PRECONDITION_FAILED')
    good(await site.config.rollBack(1, { ifMatch: await etagOf(site) }, ANN))
  })

  test('a store that fails costs the version, not the change', async (t) => {
    const site = await open(t, TWO)
    site.fault = 'the disk is full'
    const applied = good(await site.config.write('[]', { ifMatch: await etagOf(site) }, ANN))
    assert.deepEqual([applied.version, applied.isApplied, site.urls], [null, true, []])
    assert.equal(site.config.versions().length, 1)
    assert.ok(existsSync(site.file))
    assert.ok(site.log.entries().some(({ text }) => text.includes('history of workers.json')))
  })
})
