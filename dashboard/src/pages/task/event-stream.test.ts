import { afterEach, expect, test, vi } from 'vitest'
import { EventParser, followEvents, type RunEvent } from './event-stream.ts'

afterEach(() => vi.restoreAllMocks())

test('events come whole, whatever the pieces; comments and empty ones are passed over', () => {
  const parser = new EventParser()
  expect(parser.push(':\n\nid: 1\nevent: chu')).toEqual([])
  expect(parser.push('nk\ndata: "a"\n\nid: 2\ndata: x\ndata: y\n\nid: 3\n\n')).toEqual([
    { id: 1, type: 'chunk', data: 'a' },
    { id: 2, type: 'message', data: 'x\ny' },
  ])
})

test('a break is resumed behind the last event, the end ends it', async () => {
  const asked: (string | null)[] = []
  const bodies = ['id: 4\nevent: chunk\ndata: "a"\n\n', 'id: 5\nevent: result\ndata: null\n\n']
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (_path, init) => {
    asked.push(new Headers(init?.headers).get('last-event-id'))
    return new Response(bodies.shift() ?? '')
  })
  const events: RunEvent[] = []
  await followEvents('r_1', new AbortController().signal, (more) => events.push(...more), 1)
  expect(asked).toEqual([null, '4'])
  expect(events.map(({ type }) => type)).toEqual(['chunk', 'result'])
})
