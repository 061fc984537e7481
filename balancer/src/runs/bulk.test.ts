/** Bulk operations over runs that a test holds in a list, with a disk that it can take away. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFinal, type RunStatus, type RunView, type TaskError } from '@berth/protocol'
import { createLog, ManualClock } from '@berth/runtime'
import type { RunFilter } from '../ports/run-filter.ts'
import { joinParts } from '../ports/run-parts.ts'
import type { StoredBulk } from '../ports/run-writes.ts'
import type { KeyUse } from '../ports/runs.ts'
import type { StoreWrite } from '../ports/store.ts'
import { Bulk, type BulkOptions } from './bulk.ts'

type Held = { id: string; status: RunStatus; function: string }

function idOf(n: number): string {
  return `r_${String(n).padStart(26, '0')}`
}

function makeStage(count: number, status: RunStatus, atStart: readonly StoredBulk[] = []) {
  let runs: Held[] = Array.from({ length: count }, (_, n) => ({ id: idOf(n), status, function: 'f' }))
  const writes: StoredBulk[] = []
  const retried: { id: string; key: KeyUse | undefined }[] = []
  const removed: string[] = []
  const state: {
    failure?: string
    refusal?: TaskError
    listFails: boolean
    isUnread?: boolean
    next: number
  } = {
    listFails: false,
    next: count,
  }
  let onAct: (() => void) | undefined
  const isMeant = (run: Held, { status: statuses, function: name }: RunFilter) =>
    (statuses?.includes(run.status) ?? true) && (name === undefined || run.function === name)
  const options: BulkOptions = {
    runs: {
      async list(filter, limit, before) {
        if (state.listFails) throw new Error('busy')
        const meant = runs.filter((run) => isMeant(run, filter) && (before === undefined || run.id < before))
        return meant.reverse().slice(0, limit) as unknown as RunView[]
      },
      async count(filter) {
        return runs.filter((run) => isMeant(run, filter)).length
      },
      async parts(filter) {
        const meant = runs.filter((run) => isMeant(run, filter))
        return joinParts(meant.map((run) => ({ ...run, group: 'g', atMs: 0 })))
      },
      async cancel(id) {
        const run = runs.find((one) => one.id === id)
        if (run && !isFinal(run.status)) run.status = 'cancelled'
        onAct?.()
        return run && { ok: true, run: run as unknown as RunView }
      },
    },
    ended: {
      async retry(id, _changes, key) {
        onAct?.()
        if (state.refusal) return { ok: false, error: state.refusal }
        retried.push({ id, key })
        runs.push({ id: idOf(state.next++), status: 'completed', function: 'f' })
        return { ok: true, run: {} as RunView, isReplay: false }
      },
      async remove(id) {
        onAct?.()
        if (state.refusal) return { ok: false, error: state.refusal }
        removed.push(id)
        runs = runs.filter((run) => run.id !== id)
        return { ok: true }
      },
    },
    reads: {
      async bulk(id) {
        if (state.isUnread) throw new Error('the store is busy')
        return writes.findLast((bulk) => bulk.id === id) ?? null
      },
    },
    keeper: {
      async keep(all: readonly StoreWrite[]) {
        if (state.failure !== undefined) return { ok: false, detail: state.failure }
        for (const write of all) if (write.kind === 'bulk-set') writes.push(write.bulk)
        return { ok: true }
      },
    },
    atStart,
    createRunId: () => idOf(state.next++),
    clock: new ManualClock(),
    log: createLog({ source: 'test', write: () => {} }),
    pauseMs: 1,
  }
  const bulk = new Bulk(options)
  const ended = async (id: string) => {
    for (;;) {
      const view = await bulk.find(id)
      if (view && view.state !== 'running') return view
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  return {
    bulk,
    state,
    writes,
    retried,
    removed,
    ended,
    runs: () => runs,
    watch: (act: () => void) => {
      onAct = act
    },
  }
}

async function begin(stage: ReturnType<typeof makeStage>, ...asked: Parameters<Bulk['begin']>) {
  const begun = await stage.bulk.begin(...asked)
  assert.ok(begun.ok, JSON.stringify(begun))
  return begun.bulk
}

test('counts first, cancels all in slices, and tells how far it has come', async () => {
  const stage = makeStage(250, 'queued')
  assert.equal(await stage.bulk.count('cancel', { function: 'f' }), 250)
  const { id, matched, state } = await begin(stage, 'cancel', { function: 'f' })
  assert.deepEqual([matched, state], [250, 'running'])
  assert.match(id, /^b_\d{26}$/)
  const view = await stage.ended(id)
  assert.deepEqual([view.state, view.done, view.failed], ['done', 250, 0])
  assert.ok(view.finishedAt)
  assert.ok(stage.runs().every(({ status }) => status === 'cancelled'))
  assert.deepEqual(
    stage.writes.map(({ done }) => done),
    [0, 100, 200, 250, 250],
  )
})

test('only runs that the action can change are meant', async () => {
  const stage = makeStage(3, 'queued')
  assert.equal(await stage.bulk.count('delete', {}), 0)
  assert.equal(await stage.bulk.count('retry', { status: ['queued'] }), 0)
  assert.equal(await stage.bulk.count('cancel', { status: ['queued', 'failed'] }), 3)
  const { id } = await begin(stage, 'retry', { status: ['queued'] })
  assert.deepEqual([(await stage.ended(id)).done, stage.retried.length], [0, 0])
})

test('a retry begins each run once, under a key of its own, and not what it began itself', async () => {
  const stage = makeStage(120, 'failed')
  const { id } = await begin(stage, 'retry', { function: 'f' })
  assert.equal((await stage.ended(id)).done, 120)
  assert.equal(new Set(stage.retried.map(({ id: run }) => run)).size, 120)
  assert.equal(new Set(stage.retried.map(({ key }) => key?.hash)).size, 120)
  assert.equal(stage.retried.length, 120)
})

test('what a limit refuses is tried again; what has changed has failed', async () => {
  const stage = makeStage(5, 'completed')
  stage.state.refusal = { code: 'QUEUE_FULL', detail: 'full' }
  let tries = 0
  stage.watch(() => {
    if (++tries === 12) delete stage.state.refusal
  })
  const { id } = await begin(stage, 'retry', {})
  assert.equal((await stage.ended(id)).done, 5)
  assert.equal(stage.retried.length, 5)
  stage.state.refusal = { code: 'NOT_FINISHED', detail: 'goes on' }
  const other = await begin(stage, 'delete', {})
  const view = await stage.ended(other.id)
  assert.deepEqual([view.done, view.failed], [0, 10])
})

test('stops, and keeps what is done', async () => {
  const stage = makeStage(1_000, 'failed')
  const reached = Promise.withResolvers<void>()
  let acts = 0
  stage.watch(() => {
    if (++acts === 150) reached.resolve()
  })
  const { id } = await begin(stage, 'delete', {})
  await reached.promise
  const view = await stage.bulk.stop(id)
  assert.equal(view?.state, 'stopped')
  assert.equal(view?.done, stage.removed.length)
  assert.ok(stage.removed.length < 1_000)
  const { length } = stage.removed
  await new Promise(setImmediate)
  assert.equal(stage.removed.length, length)
  assert.equal((await stage.bulk.stop(id))?.state, 'stopped')
  assert.equal(await stage.bulk.stop('b_unknown'), undefined)
})

test('goes on after a restart where it was', async () => {
  const stage = makeStage(10, 'failed')
  const left: StoredBulk = {
    id: `b_${'9'.repeat(26)}`,
    action: 'delete',
    filter: JSON.stringify({ status: ['failed'] }),
    matched: 20,
    done: 13,
    failed: 1,
    state: 'running',
    upToSeq: 0,
    cursor: idOf(6),
    createdMs: 0,
    finishedMs: null,
  }
  const again = makeStage(10, 'failed', [left, { ...left, id: 'b_done', state: 'done' }])
  await again.bulk.service.start()
  const view = await again.ended(left.id)
  assert.deepEqual([view.done, view.failed, view.matched], [19, 1, 20])
  assert.deepEqual(again.removed, [5, 4, 3, 2, 1, 0].map(idOf))
  assert.deepEqual(stage.removed, [])
})

test('the end of the balancer leaves it to the next start', async () => {
  const stage = makeStage(500, 'failed')
  const reached = Promise.withResolvers<void>()
  stage.watch(reached.resolve)
  const { id } = await begin(stage, 'delete', {})
  await reached.promise
  await stage.bulk.service.stop()
  const { length } = stage.removed
  await new Promise(setImmediate)
  assert.equal(stage.removed.length, length)
  assert.ok(length < 500)
  assert.equal(stage.writes.at(-1)?.state, 'running')
  assert.equal((await stage.bulk.find(id))?.state, 'running')
})

test('a store that does not answer: nothing is begun, and what runs waits', async () => {
  const stage = makeStage(5, 'failed')
  stage.state.failure = 'no disk'
  const refused = await stage.bulk.begin('delete', {})
  assert.deepEqual(refused.ok ? '' : refused.error.code, 'STORE_UNAVAILABLE')
  assert.deepEqual(stage.removed, [])
  delete stage.state.failure
  stage.state.listFails = true
  const { id } = await begin(stage, 'delete', {})
  await new Promise((resolve) => setTimeout(resolve, 5))
  stage.state.listFails = false
  assert.equal((await stage.ended(id)).done, 5)
})

test('one that cannot be read is not taken for an unknown one', async () => {
  const stage = makeStage(1, 'failed')
  const { id } = await begin(stage, 'delete', {})
  await stage.ended(id)
  stage.state.isUnread = true
  await assert.rejects(stage.bulk.find(id), /busy/)
  await assert.rejects(stage.bulk.stop(id), /busy/)
})

test('at most four at once', async () => {
  const stage = makeStage(5, 'failed')
  stage.state.listFails = true
  for (let n = 0; n < 4; n++) await begin(stage, 'delete', {})
  const fifth = await stage.bulk.begin('delete', {})
  assert.equal(fifth.ok ? '' : fifth.error.code, 'RATE_LIMITED')
  await stage.bulk.service.stop()
})
