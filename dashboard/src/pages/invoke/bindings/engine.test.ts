import { beforeEach, describe, expect, it } from 'vitest'
import { CELL_LIMIT, type CellWish, Engine, LINK_LIMIT, type Link, type Order } from './engine.ts'
import { isPointer, listPointers, putPointer, readPointer } from './pointer.ts'

let engine: Engine
let nowMs: number

beforeEach(() => {
  engine = new Engine()
  nowMs = 1_000
})

function set(id: string, input: unknown, links: readonly Link[] = [], isAuto = true): readonly Order[] {
  const change = engine.set({ id, input, links, isAuto }, nowMs)
  if (!change.ok) throw new Error(change.why)
  return change.orders
}

function pass(ms: number): readonly Order[] {
  nowMs += ms
  return engine.tick(nowMs)
}

function done(id: string, output: unknown): readonly Order[] {
  return engine.ended(id, engine.state(id).call, { ok: true, output }, nowMs)
}

function failed(id: string): readonly Order[] {
  return engine.ended(id, engine.state(id).call, { ok: false }, nowMs)
}

function said(orders: readonly Order[]): string[] {
  return orders.map((order) =>
    order.kind === 'start' ? `start ${order.cell} ${JSON.stringify(order.input)}` : `abort ${order.cell}`,
  )
}

const link = (from: string, pointer = '', to = `/${from}`): Link => ({ from, pointer, to })

describe('one cell', () => {
  it('does nothing until something changes', () => {
    set('a', { n: 1 })
    expect(engine.nextAtMs()).toBeNull()
    expect(engine.state('a')).toEqual({ phase: 'idle', block: null, call: 0, isOutdated: false })
  })

  it('is called 300 ms after the last change, with the newest input', () => {
    set('a', { n: 1 })
    set('a', { n: 2 })
    expect(engine.nextAtMs()).toBe(1_300)
    nowMs += 200
    set('a', { n: 3 })
    expect(engine.nextAtMs()).toBe(1_500)
    expect(pass(299)).toEqual([])
    expect(engine.state('a').phase).toBe('due')
    expect(said(pass(1))).toEqual(['start a {"n":3}'])
    expect(engine.nextAtMs()).toBeNull()
  })

  it('ends an older call as soon as its input is no longer wanted, and passes over its end', () => {
    set('a', { n: 1 })
    set('a', { n: 2 })
    const [first] = pass(300)
    expect(said(set('a', { n: 3 }))).toEqual(['abort a'])
    expect(engine.ended('a', first?.call ?? 0, { ok: true, output: 'old' }, nowMs)).toEqual([])
    expect(engine.state('a').phase).toBe('due')
    const [second] = pass(300)
    expect(second?.call).not.toBe(first?.call)
    expect(engine.ended('a', first?.call ?? 0, { ok: true, output: 'old' }, nowMs)).toEqual([])
    expect(engine.state('a').phase).toBe('running')
    done('a', 'new')
    expect(engine.state('a')).toMatchObject({ phase: 'done', isOutdated: false })
  })

  it('goes on when the input comes back to what is under way', () => {
    set('a', 1)
    set('a', 2)
    pass(300)
    expect(set('a', 2)).toEqual([])
    expect(engine.state('a').phase).toBe('running')
    done('a', 'x')
    set('a', 3)
    set('a', 2)
    // 2 was answered already.
    expect(engine.nextAtMs()).toBeNull()
    expect(engine.state('a')).toMatchObject({ phase: 'done', isOutdated: false })
  })

  it('that is not automatic is called by hand only, and its output becomes outdated', () => {
    set('a', 1, [], false)
    set('a', 2, [], false)
    expect(engine.nextAtMs()).toBeNull()
    expect(said(engine.run('a', nowMs))).toEqual(['start a 2'])
    done('a', 'x')
    expect(engine.state('a').isOutdated).toBe(false)
    set('a', 3, [], false)
    expect(engine.state('a')).toMatchObject({ phase: 'done', isOutdated: true })
    expect(said(engine.run('a', nowMs))).toEqual(['start a 3'])
  })

  it('that becomes automatic is called', () => {
    set('a', 1, [], false)
    set('a', 1, [], true)
    expect(said(pass(300))).toEqual(['start a 1'])
  })

  it('is called again by hand though nothing has changed, and once at a time', () => {
    set('a', 1)
    engine.run('a', nowMs)
    expect(said(engine.run('a', nowMs))).toEqual(['abort a', 'start a 1'])
    done('a', 'x')
    expect(said(engine.run('a', nowMs))).toEqual(['start a 1'])
  })

  it('is not called with what is no input', () => {
    set('a', 1)
    set('a', 2)
    pass(300)
    expect(said(set('a', undefined))).toEqual(['abort a'])
    expect(pass(300)).toEqual([])
    expect(engine.state('a').block).toEqual({ why: 'input' })
    expect(engine.run('a', nowMs)).toEqual([])
  })

  it('is cancelled while it runs and while it is due', () => {
    set('a', 1)
    set('a', 2)
    expect(engine.cancel('a')).toEqual([])
    expect(engine.nextAtMs()).toBeNull()
    engine.run('a', nowMs)
    expect(said(engine.cancel('a'))).toEqual(['abort a'])
    expect(engine.state('a').phase).toBe('cancelled')
    expect(engine.cancel('none')).toEqual([])
  })

  it('that is removed ends what runs', () => {
    set('a', 1)
    engine.run('a', nowMs)
    expect(said(engine.remove('a'))).toEqual(['abort a'])
    expect(engine.remove('a')).toEqual([])
    expect(engine.tick(nowMs)).toEqual([])
    expect(engine.ended('a', 1, { ok: true, output: 1 }, nowMs)).toEqual([])
  })
})

describe('a chain', () => {
  beforeEach(() => {
    set('a', { text: 'x' })
    set('b', { top: 1 }, [link('a', '/words', '/list')])
    set('c', {}, [link('b', '', '/all')])
  })

  it('hands on what a pointer names, one after another', () => {
    set('a', { text: 'y' })
    expect(said(pass(300))).toEqual(['start a {"text":"y"}'])
    expect(engine.state('b').phase).toBe('idle')
    expect(said(done('a', { words: ['q'] }))).toEqual(['start b {"top":1,"list":["q"]}'])
    expect(said(done('b', 7))).toEqual(['start c {"all":7}'])
    expect(done('c', 'end')).toEqual([])
    expect(engine.inputOf('c')).toEqual({ all: 7 })
  })

  it('does not call again what gets the same', () => {
    set('a', { text: 'y' })
    pass(300)
    done('a', { words: ['q'], at: 1 })
    done('b', 7)
    done('c', 'end')
    set('a', { text: 'z' })
    pass(300)
    expect(done('a', { words: ['q'], at: 2 })).toEqual([])
    expect(engine.state('b').phase).toBe('done')
  })

  it('called at its end calls first what it needs', () => {
    expect(said(engine.run('c', nowMs))).toEqual(['start a {"text":"x"}'])
    expect(engine.state('c').phase).toBe('waiting')
    expect(said(done('a', { words: [] }))).toEqual(['start b {"top":1,"list":[]}'])
    expect(said(done('b', 1))).toEqual(['start c {"all":1}'])
    done('c', 2)
    // Now all of it is there: only what is asked for is called.
    expect(said(engine.run('c', nowMs))).toEqual(['start c {"all":1}'])
  })

  it('calls what is outdated, too', () => {
    set('a', { text: 'x' }, [], false)
    engine.run('c', nowMs)
    done('a', { words: [] })
    done('b', 1)
    done('c', 2)
    set('a', { text: 'other' }, [], false)
    expect(said(engine.run('c', nowMs))).toEqual(['start a {"text":"other"}'])
  })

  it('is stopped by a failure, which is named, and goes on after a success', () => {
    engine.run('c', nowMs)
    done('a', { words: [] })
    expect(failed('b')).toEqual([])
    expect(engine.state('b').phase).toBe('failed')
    expect(engine.state('c')).toMatchObject({ phase: 'blocked', block: { why: 'failed', cell: 'b' } })
    expect(engine.nextAtMs()).toBeNull()
    engine.run('b', nowMs)
    expect(said(done('b', 5))).toEqual(['start c {"all":5}'])
  })

  it('ends what runs below when something above fails', () => {
    engine.run('c', nowMs)
    done('a', { words: [] })
    done('b', 1)
    expect(engine.state('c').phase).toBe('running')
    engine.run('a', nowMs)
    expect(said(failed('a'))).toEqual(['abort c'])
    expect(engine.state('c').block).toMatchObject({ why: 'failed' })
  })

  it('says which value is missing', () => {
    engine.run('a', nowMs)
    expect(done('a', { other: 1 })).toEqual([])
    expect(engine.state('b')).toMatchObject({
      phase: 'blocked',
      block: { why: 'no-value', cell: 'a', pointer: '/words' },
    })
  })

  it('cancelled above stops what waits below', () => {
    engine.run('c', nowMs)
    expect(said(engine.cancel('a'))).toEqual(['abort a'])
    expect(engine.state('c').phase).not.toBe('waiting')
    expect(engine.nextAtMs()).toBeNull()
  })

  it('a diamond calls its foot once', () => {
    set('d', {}, [link('a', '', '/d')])
    set('foot', {}, [link('b'), link('d')])
    engine.run('a', nowMs)
    expect(said(done('a', { words: [1] }))).toHaveLength(2)
    expect(said(done('b', 'B'))).toEqual(['start c {"all":"B"}'])
    expect(engine.state('foot').phase).toBe('waiting')
    expect(said(done('d', 'D'))).toEqual(['start foot {"b":"B","d":"D"}'])
  })
})

describe('what is refused', () => {
  const wish = (id: string, links: readonly Link[]): CellWish => ({ id, input: {}, isAuto: true, links })

  it('is a cycle, near and far, and changes nothing', () => {
    set('a', {})
    set('b', {}, [link('a')])
    set('c', {}, [link('b')])
    expect(engine.set(wish('a', [link('a')]), nowMs)).toEqual({ ok: false, why: 'cycle' })
    expect(engine.set(wish('a', [link('c')]), nowMs)).toEqual({ ok: false, why: 'cycle' })
    expect(said(engine.run('a', nowMs))).toEqual(['start a {}'])
  })

  it('is a link from nowhere, and one that is no pointer', () => {
    set('a', {})
    expect(engine.set(wish('b', [link('none')]), nowMs)).toEqual({ ok: false, why: 'unknown' })
    expect(engine.set(wish('b', [link('a', 'words')]), nowMs)).toEqual({ ok: false, why: 'pointer' })
    expect(engine.set(wish('b', [link('a', '', '/~2')]), nowMs)).toEqual({ ok: false, why: 'pointer' })
  })

  it('is one cell or link too many', () => {
    for (let n = 0; n < CELL_LIMIT; n++) set(`c${n}`, {})
    expect(engine.set(wish('more', []), nowMs)).toEqual({ ok: false, why: 'too-many' })
    const links = Array.from({ length: LINK_LIMIT + 1 }, () => link('c0'))
    expect(engine.set(wish('c1', links), nowMs)).toEqual({ ok: false, why: 'too-many' })
  })
})

describe('any page, whatever happens on it (seeded)', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('comes to rest on the newest inputs (seed %i)', (seed) => {
    const random = generator(seed)
    const ids = ['a', 'b', 'c', 'd', 'e', 'f']
    const inputs = new Map<string, number>()
    const links = new Map<string, Link[]>()
    const running = new Map<string, { call: number; input: unknown }>()
    const outputs = new Map<string, unknown>()
    const obey = (orders: readonly Order[]) => {
      for (const order of orders) {
        const now = running.get(order.cell)
        if (order.kind === 'abort') {
          expect(now?.call).toBe(order.call)
          running.delete(order.cell)
        } else {
          expect(now, 'one call a cell').toBeUndefined()
          running.set(order.cell, order)
        }
      }
    }
    const settle = (id: string) => {
      const { call, input } = running.get(id) ?? { call: 0, input: null }
      running.delete(id)
      outputs.set(id, answer(input))
      obey(engine.ended(id, call, { ok: true, output: answer(input) }, nowMs))
    }
    const change = (id: string) => {
      inputs.set(id, Math.floor(random() * 5))
      const made = engine.set(
        { id, input: { n: inputs.get(id) }, isAuto: true, links: links.get(id) ?? [] },
        nowMs,
      )
      if (made.ok) obey(made.orders)
    }
    for (const id of ids) change(id)
    for (let step = 0; step < 2_000; step++) {
      nowMs += Math.floor(random() * 200)
      const id = ids[Math.floor(random() * ids.length)] ?? 'a'
      const chance = random()
      if (chance < 0.3) change(id)
      else if (chance < 0.35) {
        const before = links.get(id) ?? []
        links.set(
          id,
          [link(ids[Math.floor(random() * ids.length)] ?? 'a', '/n', '/from')].slice(random() < 0.2 ? 1 : 0),
        )
        const made = engine.set(
          { id, input: { n: inputs.get(id) }, isAuto: true, links: links.get(id) ?? [] },
          nowMs,
        )
        if (made.ok) obey(made.orders)
        else links.set(id, before)
      } else if (chance < 0.4) obey(engine.run(id, nowMs))
      else if (chance < 0.7 && running.has(id)) settle(id)
      else obey(engine.tick(nowMs))
    }
    for (const id of ids) obey(engine.run(id, nowMs))
    for (let left = 1_000; left > 0 && (running.size > 0 || engine.nextAtMs() !== null); left--) {
      for (const id of [...running.keys()]) settle(id)
      nowMs += 300
      obey(engine.tick(nowMs))
    }
    const expected = (id: string): { n: number } => {
      const [from] = links.get(id) ?? []
      const n = inputs.get(id) ?? 0
      return answer(from ? { n, from: expected(from.from).n } : { n })
    }
    for (const id of ids) {
      expect(engine.state(id), id).toMatchObject({ phase: 'done', isOutdated: false })
      expect(outputs.get(id), id).toEqual(expected(id))
    }
  })

  function answer(input: unknown): { n: number } {
    const { n, from = 0 } = input as { n: number; from?: number }
    return { n: (n * 7 + from * 3 + 1) % 101 }
  }
})

describe('pointers', () => {
  const value = { a: { 'b/c': [1, { d: null }] }, '': 0 }

  it('read what is there', () => {
    expect(readPointer(value, '')).toEqual({ ok: true, value })
    expect(readPointer(value, '/a/b~1c/1/d')).toEqual({ ok: true, value: null })
    expect(readPointer(value, '/')).toEqual({ ok: true, value: 0 })
    for (const none of ['/a/b~1c/2', '/a/b~1c/-1', '/a/b~1c/01', '/a/toString', '/x', '/a/b~1c/1/d/e'])
      expect(readPointer(value, none)).toEqual({ ok: false })
  })

  it('put a value into a copy', () => {
    expect(putPointer({ a: [1, 2] }, '/a/1', 'x')).toEqual({ a: [1, 'x'] })
    expect(putPointer({ a: 1 }, '/b/c', 'x')).toEqual({ a: 1, b: { c: 'x' } })
    expect(putPointer({ a: 1 }, '/a/c', 'x')).toEqual({ a: { c: 'x' } })
    expect(putPointer(1, '', 'x')).toBe('x')
    const odd = putPointer({}, '/__proto__/polluted', true)
    expect(Object.hasOwn(odd as object, '__proto__')).toBe(true)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(value).toEqual({ a: { 'b/c': [1, { d: null }] }, '': 0 })
  })

  it('are listed, the nearest first, up to a limit', () => {
    expect(listPointers({ a: { b: 1 }, 'c/d': [5] }, 10)).toEqual(['', '/a', '/c~1d', '/a/b', '/c~1d/0'])
    expect(listPointers(Array(1_000).fill(0), 10)).toHaveLength(4)
  })

  it('are known by their form', () => {
    expect(['', '/a', '/a~0b~1'].every(isPointer)).toBe(true)
    expect(['a', '/~', '/~2'].some(isPointer)).toBe(false)
  })
})

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
