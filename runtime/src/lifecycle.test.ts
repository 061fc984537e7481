/** One wish to end is one wish however often it arrives, and services end in reverse order. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { ManualClock } from './clock.ts'
import { onSignals, runServices, type Service } from './lifecycle.ts'
import { createLog } from './log.ts'

function makeSignals() {
  const source = new EventEmitter()
  const clock = new ManualClock()
  const seen: string[] = []
  const end = onSignals({
    onFirst: (signal) => seen.push(`first ${signal}`),
    onSecond: (signal) => seen.push(`second ${signal}`),
    clock,
    source,
  })
  return { send: (signal: string) => source.emit(signal, signal), clock, seen, end, source }
}

test('a forwarded signal within half a second is no second one', () => {
  const { send, clock, seen } = makeSignals()
  send('SIGINT')
  send('SIGINT')
  clock.advance(499)
  send('SIGTERM')
  assert.deepEqual(seen, ['first SIGINT'])
  clock.advance(1)
  send('SIGTERM')
  send('SIGHUP')
  assert.deepEqual(seen, ['first SIGINT', 'second SIGTERM'])
})

test('all three signals count, and none after listening has ended', () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    const { send, seen, end, source } = makeSignals()
    send(signal)
    assert.deepEqual(seen, [`first ${signal}`])
    end()
    assert.equal(source.listenerCount(signal), 0)
  }
})

function makeServices() {
  const events: string[] = []
  const make = (name: string, override: Partial<Service> = {}): Service => {
    const note = (what: string) => async () => void events.push(`${what} ${name}`)
    return { name, start: note('start'), drain: note('drain'), stop: note('stop'), ...override }
  }
  const lines: string[] = []
  const log = createLog({ source: 'test', write: (line) => lines.push(line) })
  return { events, make, log, lines }
}

test('services start in order, drain and stop in reverse, once', async () => {
  const { events, make, log } = makeServices()
  const running = await runServices([make('a'), make('b', { drain: undefined }), make('c')], log)
  assert.deepEqual(await Promise.all([running.drain(1000), running.drain(1000)]), [true, true])
  await Promise.all([running.stop(), running.stop()])
  await running.drain(1000)
  assert.deepEqual(events, [
    'start a',
    'start b',
    'start c',
    'drain c',
    'drain a',
    'stop c',
    'stop b',
    'stop a',
  ])
})

test('when one fails to start, it and those before it are stopped and its error is thrown', async () => {
  const { events, make, log } = makeServices()
  const broken = make('b', { start: () => Promise.reject(new Error('port in use')) })
  await assert.rejects(runServices([make('a'), broken, make('c')], log), /port in use/)
  assert.deepEqual(events, ['start a', 'stop b', 'stop a'])
})

test('an abort during the start stops what has started', async () => {
  const { events, make, log } = makeServices()
  const abort = new AbortController()
  const slow = make('b', { start: async () => abort.abort(new Error('signal')) })
  await assert.rejects(runServices([make('a'), slow, make('c')], log, { signal: abort.signal }), /signal/)
  assert.deepEqual(events, ['start a', 'stop b', 'stop a'])
})

test('a service that hangs or fails does not keep the others from ending', async () => {
  const { events, make, log, lines } = makeServices()
  const hang = () => new Promise<void>(() => {})
  const failing = make('c', {
    drain: () => Promise.reject(new Error('drain broke')),
    stop: () => {
      throw new Error('stop broke')
    },
  })
  const services = [make('a'), make('b', { drain: hang, stop: hang }), failing]
  const running = await runServices(services, log, { stopTimeoutMs: 5 })
  assert.equal(await running.drain(5), false)
  await running.stop()
  assert.deepEqual(events.slice(3), ['drain a', 'stop a'])
  assert.equal(lines.length, 4)
})
