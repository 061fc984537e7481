import { type InvokeForm, invokeFormSchema } from '@berth/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CallOutcome, CallPorts, TaskOrder } from '../call/call-task.ts'
import { Workspace } from './workspace.ts'

interface Called extends CallPorts {
  readonly body: Readonly<Record<string, unknown>>
  end(outcome: CallOutcome): Promise<void>
}

function open(form: InvokeForm) {
  const calls: Called[] = []
  const call = (order: TaskOrder, ports: CallPorts): Promise<CallOutcome> => {
    const ended = Promise.withResolvers<CallOutcome>()
    const end = async (outcome: CallOutcome) => {
      ended.resolve(outcome)
      await vi.advanceTimersByTimeAsync(0)
    }
    calls.push({ ...ports, body: order.body, end })
    return ended.promise
  }
  const space = new Workspace(form, { call, nowMs: () => Date.now() })
  const cell = (id: string) => space.read().cells.find((one) => one.cell.id === id)
  return { space, calls, cell }
}

const page = (...cells: object[]): InvokeForm => invokeFormSchema.parse({ title: 'T', cells })
const count = { id: 'a', function: 'word-count', input: { text: 'x' }, isAuto: true }
const top = { id: 'b', function: 'top', isAuto: true, links: [{ to: '/list', from: 'a', pointer: '/words' }] }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a page of functions', () => {
  it('does nothing when it is opened, and calls what is changed after 300 ms with the newest input', async () => {
    const { space, calls } = open(page(count))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(calls).toHaveLength(0)
    space.change('a', { input: { text: 'y' } })
    await vi.advanceTimersByTimeAsync(200)
    space.change('a', { input: { text: 'z' } })
    await vi.advanceTimersByTimeAsync(299)
    expect(calls).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(calls.map(({ body }) => body)).toEqual([
      { function: 'word-count', input: { text: 'z' }, mode: 'sync' },
    ])
  })

  it('aborts an older call and passes over what it still says', async () => {
    const { space, calls, cell } = open(page(count))
    space.run('a')
    space.change('a', { input: { text: 'y' } })
    expect(calls[0]?.signal.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(300)
    await calls[0]?.end({ ok: true, result: 'old' })
    calls[0]?.onNews({ kind: 'progress', fraction: 1, text: 'old' })
    expect(cell('a')?.call).toMatchObject({ outcome: null, progress: null })
    await calls[1]?.end({ ok: true, result: 'new' })
    expect(cell('a')?.call?.outcome).toEqual({ ok: true, result: 'new' })
    expect(cell('a')?.state).toMatchObject({ phase: 'done', isOutdated: false })
  })

  it('hands the output of one to another, and stops at a failure', async () => {
    const { space, calls, cell } = open(page(count, top))
    space.run('a')
    await calls[0]?.end({ ok: true, result: { words: [1, 2] } })
    expect(calls[1]?.body).toMatchObject({ function: 'top', input: { list: [1, 2] } })
    expect(space.pointersOf('a')).toEqual(['', '/words', '/words/0', '/words/1'])
    space.run('a')
    const problem = { status: 500, code: 'FUNCTION_FAILED', detail: 'no', errors: [], retryAfterS: null }
    await calls[2]?.end({ ok: false, isCancelled: false, problem })
    expect(calls[1]?.signal.aborted).toBe(true)
    expect(cell('b')?.state.block).toEqual({ why: 'failed', cell: 'a' })
    expect(calls).toHaveLength(3)
  })

  it('calls nothing while its form has a fault', async () => {
    const { space, calls, cell } = open(page(count))
    space.change('a', { input: {} }, false)
    await vi.advanceTimersByTimeAsync(1_000)
    space.run('a')
    expect(calls).toHaveLength(0)
    expect(cell('a')?.state.block).toEqual({ why: 'input' })
    expect(cell('a')?.cell.input).toEqual({})
    space.change('a', { input: { text: 'ok' } }, true)
    await vi.advanceTimersByTimeAsync(300)
    expect(calls).toHaveLength(1)
  })

  it('refuses a cycle and keeps what was', () => {
    const { space, cell } = open(page(count, top))
    expect(space.change('a', { links: [{ to: '/text', from: 'b', pointer: '' }] })).toBe('cycle')
    expect(cell('a')?.cell.links).toEqual([])
  })

  it('opened with links that lead nowhere or in a circle leaves them out', () => {
    const circle = { id: 'a', function: 'f', links: [{ to: '', from: 'b', pointer: '' }] }
    const { cell } = open(
      page(circle, top, { id: 'c', function: 'f', links: [{ to: '', from: 'zz', pointer: '' }] }),
    )
    expect([
      cell('a')?.cell.links.length,
      cell('b')?.cell.links.length,
      cell('c')?.cell.links.length,
    ]).toEqual([1, 0, 0])
  })

  it('takes cells in and out, with the links to them, and keeps at least one', async () => {
    const { space, calls, cell } = open(page(count, top))
    expect(space.add({ group: 'gpu', function: 'paint' })).toBe('c')
    space.run('a')
    space.remove('a')
    expect(calls[0]?.signal.aborted).toBe(true)
    expect(cell('b')?.cell.links).toEqual([])
    space.remove('b')
    space.remove('c')
    expect(space.read().cells.map((one) => one.cell.id)).toEqual(['c'])
    expect(space.add({ group: 'default', function: 'f' })).toBe('a')
    space.move('a', -1)
    expect(space.form().cells.map(({ id }) => id)).toEqual(['a', 'c'])
    for (let n = 0; n < 12; n++) space.add({ group: 'default', function: 'f' })
    expect(space.form().cells).toHaveLength(12)
  })

  it('tells chunks throttled, lines bounded, and where it runs', async () => {
    const { space, calls, cell } = open(page({ ...count, mode: 'stream' }))
    let told = 0
    space.subscribe(() => told++)
    space.run('a')
    const [call] = calls
    told = 0
    for (let n = 0; n < 500; n++) {
      call?.onNews({ kind: 'chunk', text: 'x' })
      call?.onNews({ kind: 'log', level: 'info', text: `line ${n}` })
    }
    await vi.advanceTimersByTimeAsync(100)
    expect(told).toBe(1)
    expect(cell('a')?.call?.tail.text).toHaveLength(500)
    expect(cell('a')?.call?.lines).toHaveLength(200)
    expect(cell('a')?.call?.linesDropped).toBe(300)
    call?.onNews({ kind: 'status', status: 'running', worker: 'w1' })
    expect(cell('a')?.call).toMatchObject({ status: 'running', worker: 'w1' })
    await call?.end({ ok: true, result: null })
    expect(cell('a')?.call?.endedAtMs).not.toBeNull()
  })

  it('that is disarmed runs nothing by itself until somebody says so', async () => {
    const { space, calls, cell } = open(page(count, top))
    space.disarm()
    expect(space.read().edits).toBe(0)
    space.change('a', { input: { text: 'y' } })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(calls).toHaveLength(0)
    space.change('a', { isAuto: true })
    await vi.advanceTimersByTimeAsync(300)
    expect(calls).toHaveLength(1)
    await calls[0]?.end({ ok: true, result: { words: [] } })
    expect(cell('b')?.call).toBeNull()
  })

  it('that is closed ends what runs', () => {
    const { space, calls } = open(page(count))
    space.run('a')
    space.stop()
    expect(calls[0]?.signal.aborted).toBe(true)
  })

  it('sends what was chosen and nothing else', () => {
    const wish = {
      id: 'a',
      function: 'f',
      group: 'gpu',
      contract: 2,
      mode: 'webhook',
      webhook: 'https://x.test',
      priority: 5,
      tags: { gpu: 'h200' },
      timeout: 9,
      session: 's',
    }
    const { space, calls } = open(page(wish))
    space.run('a')
    expect(calls[0]?.body).toEqual({
      function: 'f',
      group: 'gpu',
      contract: 2,
      input: {},
      mode: 'webhook',
      priority: 5,
      tags: { gpu: 'h200' },
      timeout: 9,
      session: 's',
      webhook: { url: 'https://x.test' },
    })
  })
})
