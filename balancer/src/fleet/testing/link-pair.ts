/**
 * A link on a real socket with a scripted worker at its other end, and everything heard on it. Used by the tests of
 * links; both ends are gone when the test ends.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { ByteWriter, CLOSE, type Occupancy, RECORD } from '@berth/protocol'
import { systemClock } from '@berth/runtime'
import type { FilePiece } from '../../ports/files.ts'
import type { StreamItem } from '../../ports/stream.ts'
import type { Outcome } from '../../ports/workforce.ts'
import { CallInputs } from '../call-inputs.ts'
import { dial } from '../dial.ts'
import { Link, type LinkOptions } from '../link.ts'
import { until } from './fleet-bench.ts'
import { type ScriptedLink, ScriptedWorker } from './scripted-worker.ts'

export const MB = 1024 * 1024

export interface Heard {
  readonly events: string[]
  readonly outcomes: Outcome[]
  readonly items: StreamItem[]
  readonly pieces: FilePiece[]
  readonly occupancies: Occupancy[]
  readonly faults: unknown[]
  closed: { code: number; reason: string } | undefined
}

export interface Pair {
  readonly link: Link
  readonly peer: ScriptedLink
  readonly heard: Heard
  /** Done when this event comes. */
  on: [event: string, act: () => void] | undefined
}

/** What came for a task, in order. */
export function recordsOf({ records }: ScriptedLink): string[] {
  const names = new Map(Object.entries(RECORD).map(([name, type]) => [type as number, name]))
  return records.filter(({ task }) => task > 0).map(({ type, task }) => `${names.get(type)} ${task}`)
}

export async function connect(
  t: TestContext,
  resultLimitBytes = 4 * MB,
  openFile?: LinkOptions['openFile'],
): Promise<Pair> {
  const worker = await ScriptedWorker.start({ hello: null })
  t.after(() => worker.stop())
  const dialled = await dial({ url: worker.url, fleetKey: 'f', workerKey: 'w', timeoutMs: 2_000 })
  assert.equal(dialled.kind, 'open')
  if (dialled.kind !== 'open') throw new Error('no link')
  const heard: Heard = {
    events: [],
    outcomes: [],
    items: [],
    pieces: [],
    occupancies: [],
    faults: [],
    closed: undefined,
  }
  const note = (event: string) => {
    heard.events.push(event)
    if (event === pair.on?.[0]) pair.on[1]()
  }
  const link = new Link({
    socket: dialled.socket,
    clock: systemClock,
    resultLimitBytes,
    callInputs: new CallInputs(MB),
    openFile,
    events: {
      onMessage: (message) => note(`message ${message.type}`),
      onFrame: () => note('frame'),
      onOccupancy: (occupancy) => void heard.occupancies.push(occupancy),
      onStarted: (task) => note(`started ${task}`),
      onItem: (task, item) => {
        heard.items.push(item)
        note(`item ${task} ${item.kind}`)
      },
      onFile: (task, piece) => {
        heard.pieces.push(piece)
        note(`file ${task} ${piece.header?.path ?? piece.bytes.length}`)
      },
      onReturned: (task, why) => note(`returned ${task} ${why}`),
      onFinished: (task, outcome) => {
        heard.outcomes.push(outcome)
        note(`finished ${task} ${outcome.outcome}`)
      },
      onCall: (task, call) => note(`call ${task} ${call.id} ${call.function}`),
      onStray: (task) => note(`stray ${task}`),
      onFault: (error) => void heard.faults.push(error),
      onClosed: (code, reason) => {
        assert.equal(heard.closed, undefined, 'closed twice')
        heard.closed = { code, reason }
      },
    },
  })
  t.after(() => link.close(CLOSE.normal, 'the test is over'))
  const pair: Pair = { link, peer: await worker.link(), heard, on: undefined }
  return pair
}

export function occurs(heard: Heard, event: string): Promise<true> {
  return until(() => heard.events.includes(event) || undefined, `"${event}" in ${heard.events}`)
}

export function closes(heard: Heard): Promise<{ code: number; reason: string }> {
  return until(() => heard.closed, 'the link closes')
}

/** Big and with no two equal pieces, so that a mix-up shows. */
export function makeBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32BE(i, i)
  return bytes
}

export function rawRecord(type: number, task: number, payload: Uint8Array, flags = 0): Uint8Array {
  const out = new ByteWriter()
  out.u8(type)
  out.u8(flags)
  out.u32(task)
  out.u32(payload.length)
  out.bytes(payload)
  return out.take()
}
