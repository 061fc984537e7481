/**
 * A tab of the dashboard that stops reading, as one in the background does or one behind a bad line: once a megabyte
 * waits for it, it gets nothing but a fresh snapshot when it reads again. Real processes, a real socket that is
 * paused; what is written meanwhile is more than the buffers of any system between the two take.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type FeedMessage, feedMessageSchema } from '@berth/protocol'
import { WebSocket } from 'ws'
import {
  type Balancer,
  KEYS,
  postTask,
  startBalancer,
  startWorker,
  waitForWorkers,
} from '../harness/berth.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS } from './fleet.ts'

const TICK_MS = 250
const MB = 1024 * 1024
/** Each is followed by itself, so that a line comes to the slow tab once for each. */
const NEEDLES = Array.from({ length: 8 }, (_, index) => `needle-${index}`)
/** A worker's log keeps no longer texts. */
const LINE_BYTES = 8_000
const LINES = 80
/** Of a call, to the slow tab. */
const CALL_BYTES = NEEDLES.length * LINES * LINE_BYTES
/** What Linux gives two ends of a connection at most is 10 MB; then comes the balancer's own megabyte. */
const OFFERED_BYTES = 40 * MB

const SHOUT = `import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ turn: z.number() }),
  handler({ turn }, { log }) {
    const text = ${JSON.stringify(NEEDLES.join(' '))}.padEnd(${LINE_BYTES}, '.')
    for (let line = 0; line < ${LINES}; line++) log.info(text)
    log.info('turn ' + turn + ' is over')
    return { turn }
  },
})
`

class Tab {
  readonly frames: FeedMessage[] = []
  readonly closed: number[] = []
  readonly socket: WebSocket

  constructor(scope: Scope, { url }: Balancer, words: readonly string[]) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/feed`, {
      headers: { authorization: `Bearer ${KEYS.caller}` },
      perMessageDeflate: false,
    })
    scope.after(() => this.socket.terminate())
    this.socket.on('open', () => this.socket.send(JSON.stringify({ watch: words })))
    this.socket.on('message', (data) => this.frames.push(feedMessageSchema.parse(JSON.parse(String(data)))))
    this.socket.on('close', (code) => this.closed.push(code))
  }

  get seq(): number {
    return this.frames.at(-1)?.seq ?? -1
  }

  untilSees(what: string, sees: (frame: FeedMessage) => boolean, from = 0): Promise<FeedMessage> {
    return until(() => this.frames.slice(from).find(sees), LIMIT_MS, what)
  }
}

const isSnapshot = (frame: FeedMessage) => 'snapshot' in frame

function hasLine(frame: FeedMessage, text: string): boolean {
  if (!('changes' in frame)) return false
  return Object.values(frame.changes.logs ?? {}).some(({ lines }) =>
    lines.some((line) => line.text.startsWith(text)),
  )
}

/** A word is told once when it is followed, be there lines or not. */
function isTold(frame: FeedMessage, words: readonly string[]): boolean {
  return 'changes' in frame && words.every((word) => frame.changes.logs?.[word] !== undefined)
}

/** Changes that do not follow the frame before them. */
function gapsOf(frames: readonly FeedMessage[]): number[] {
  const follows = ({ seq }: FeedMessage, index: number) => seq === (frames[index - 1]?.seq ?? 0) + 1
  return frames
    .filter((frame, index) => index > 0 && !isSnapshot(frame) && !follows(frame, index))
    .map(({ seq }) => seq)
}

test('a tab that stops reading gets a snapshot when it reads again, and costs others nothing', async (t) => {
  const folder = await makeFolder(t)
  await mkdir(join(folder, 'functions'))
  await writeFile(join(folder, 'functions/shout.ts'), SHOUT)
  const worker = await startWorker(t, { folder })
  const balancer = await startBalancer(t, { workers: [{ url: worker.url, name: 'w1' }] })
  await waitForWorkers(balancer, 1)
  const marks = 'logs?text=is+over'
  const needles = NEEDLES.map((needle) => `logs?text=${needle}`)
  const quick = new Tab(t, balancer, ['workers', marks])
  const slow = new Tab(t, balancer, ['workers', ...needles])
  const shout = async (turn: number) => {
    const answer = await postTask(balancer, { function: 'shout', input: { turn } })
    assert.equal(answer.status, 200, answer.text)
    await quick.untilSees(`turn ${turn} is over`, (frame) => hasLine(frame, `turn ${turn} is over`))
  }

  await quick.untilSees('that it follows', (frame) => isTold(frame, [marks]))
  await slow.untilSees('that it follows', (frame) => isTold(frame, needles))
  slow.socket.pause()
  const [heard, quickHeard] = [slow.frames.length, quick.frames.length]
  for (let turn = 1; turn * CALL_BYTES < OFFERED_BYTES; turn++) await shout(turn)

  // The other tab had every frame that there was, at the pace of every day.
  const meanwhile = quick.frames.slice(quickHeard)
  assert.deepEqual(gapsOf(quick.frames), [])
  assert.ok(!meanwhile.some(isSnapshot))
  const elapsedMs = Date.parse(meanwhile.at(-1)?.at ?? '') - Date.parse(meanwhile[0]?.at ?? '')
  const everyMs = elapsedMs / (meanwhile.length - 1)
  assert.ok(everyMs < 3 * TICK_MS, `${meanwhile.length} frames, one in ${everyMs} ms`)

  const { seq } = quick
  slow.socket.resume()
  const fresh = await slow.untilSees(
    'a fresh snapshot',
    (frame) => isSnapshot(frame) && frame.seq >= seq,
    heard,
  )
  const at = slow.frames.indexOf(fresh)
  const kept = slow.frames.slice(heard, at)
  assert.ok(kept.length > 0)
  assert.deepEqual(gapsOf(slow.frames.slice(0, at)), [], 'what it gets of the time before is whole')
  assert.ok(fresh.seq > (kept.at(-1)?.seq ?? 0) + 1, 'frames were left out')
  const keptBytes = JSON.stringify(kept).length
  assert.ok(keptBytes < OFFERED_BYTES / 2, `${keptBytes} bytes waited for it of ${OFFERED_BYTES}`)

  // It is in step: what changes now reaches both, without a gap.
  const before = slow.frames.length
  const answer = await balancer.request('/workers/w1/off', {
    method: 'POST',
    body: '{"reason":"a new disk"}',
  })
  assert.equal(answer.status, 200, JSON.stringify(bodyOf(answer)))
  const isOff = (frame: FeedMessage) =>
    'changes' in frame && frame.changes.workers?.w1?.status === 'maintenance'
  const seen = await slow.untilSees('the worker in maintenance', isOff, before)
  const seenByQuick = await quick.untilSees('the worker in maintenance', isOff)
  assert.equal(seen.seq, seenByQuick.seq)
  assert.deepEqual(gapsOf(slow.frames.slice(at)), [])
  assert.deepEqual([...slow.closed, ...quick.closed], [])
})
