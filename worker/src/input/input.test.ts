/** Patterns that backtrack, and what lies in objects and lists of the short form. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { defineFunction, type ParamSpecs } from '../functions/define.ts'
import { compileInput } from './parameters.ts'
import { hasRiskyPattern, isPlainlyLinear } from './pattern.ts'
import { withinTime } from './time-bound.ts'

async function check(params: ParamSpecs, input: object) {
  const checked = await compileInput(undefined, params).check(input, '/input')
  if (checked.ok) return checked.value
  return checked.error.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`)
}

describe('a pattern that could take for ever', () => {
  const EVIL = '^(a+)+$'
  const VICTIM = `${'a'.repeat(50)}b`
  const TOO_SLOW = /could not be checked within 100 ms/

  for (const [what, check] of [
    ['in the short form', compileInput(undefined, { s: { type: 'string', pattern: EVIL } })],
    [
      'deep in the short form',
      compileInput(undefined, { s: { type: 'array', items: { type: 'string', pattern: EVIL } } }),
    ],
    ['of zod', compileInput(z.object({ s: z.string().regex(/^(a+)+$/) }), undefined)],
    ['of a key', compileInput(z.object({ s: z.record(z.string().regex(/^(a+)+$/), z.any()) }), undefined)],
    [
      'behind a preprocess',
      compileInput(
        z.preprocess((value) => value, z.object({ s: z.string().regex(/^(a+)+$/) })),
        undefined,
      ),
    ],
    [
      'of an asynchronous schema',
      compileInput(
        z.object({
          s: z.string().regex(/^(a+)+$/),
          t: z
            .any()
            .optional()
            .refine(async () => true),
        }),
        undefined,
      ),
    ],
  ] as const)
    it(`${what} refuses the input soon`, async () => {
      const s = what.startsWith('deep') ? [VICTIM] : what === 'of a key' ? { [VICTIM]: 1 } : VICTIM
      const checked = await check.check({ s }, '/input')
      assert.ok(!checked.ok)
      assert.equal(checked.error.code, 'INVALID_INPUT')
      assert.match(checked.error.message, TOO_SLOW)
      const fine = what.startsWith('deep') ? ['aaa'] : what === 'of a key' ? { aaa: 1 } : 'aaa'
      const passed = await check.check({ s: fine }, '/input')
      assert.ok(passed.ok, JSON.stringify(passed))
    })

  it('bounds the whole input, not each of its texts', async () => {
    const params = { s: { type: 'array', items: { type: 'string', pattern: EVIL } } } as const
    const startedAt = performance.now()
    await check(params, { s: new Array(100).fill(VICTIM) })
    assert.ok(performance.now() - startedAt < 5_000)
  })

  it('passes on what the check itself throws', () => {
    const thrown = new Error('x')
    assert.throws(
      () =>
        withinTime(1000, () => {
          throw thrown
        }),
      thrown,
    )
    assert.deepEqual(
      withinTime(1000, () => 5),
      { isLate: false, value: 5 },
    )
    assert.deepEqual(
      withinTime(5, () => {
        for (;;);
      }),
      { isLate: true },
    )
  })
})

describe('isPlainlyLinear', () => {
  it('knows what it may say of', () => {
    const yes = [
      '',
      'abc',
      '^[a-z]+$',
      '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
      '^\\d{4}-\\d{2}$',
      '^(?:red|green|blue)$',
      'a{1,3}b?',
      '^a+b?',
      '[(|*+]',
      '\\(\\*\\)',
      '^.{3,}',
    ]
    const no = [
      'a+b',
      '^a+b+$',
      '^(a+)+$',
      '^(?:ab)*$',
      '(a|b)+',
      '^a|b+$',
      '(?=a)b',
      '(?<!a)b',
      '(a)\\1',
      '(?<n>a)\\k<n>',
      'a{2,}b',
      '(?i:a)',
      '[a',
      'a{0,99}b{0,99}',
    ]
    for (const source of yes) assert.equal(isPlainlyLinear(source), true, source)
    for (const source of no) assert.equal(isPlainlyLinear(source), false, source)
  })

  it('is never wrong with yes', () => {
    const atoms = ['a', '[ab]', '.', '\\w', '(?:a|b)', '(?:', '(', ')', '|', '^', '$']
    const quantifiers = ['', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?']
    const victims = ['a', 'b', 'ab', 'aab'].map((text) => `${text.repeat(20_000)}!`)
    let seed = 7
    const pick = (list: readonly string[]) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return list[(seed >>> 8) % list.length] ?? ''
    }
    let said = 0
    for (let round = 0; round < 2_000; round++) {
      const start = round % 2 === 0 ? '^' : ''
      const parts = Array.from({ length: 1 + (round % 6) }, () => pick(atoms) + pick(quantifiers))
      const source = start + parts.join('')
      let pattern: RegExp
      try {
        pattern = new RegExp(source, 'u')
      } catch {
        continue
      }
      if (!isPlainlyLinear(source)) continue
      said++
      for (const victim of victims)
        assert.equal(withinTime(2_000, () => pattern.test(victim)).isLate, false, source)
    }
    assert.ok(said > 20, `only ${said} were said yes to`)
  })

  it('trusts zod’s own formats', () => {
    const schema = z.object({ a: z.email(), b: z.uuid(), c: z.iso.datetime(), d: z.ipv6().optional() })
    assert.equal(hasRiskyPattern(z.toJSONSchema(schema)), false)
    assert.equal(hasRiskyPattern(z.toJSONSchema(z.email().regex(/a+b/))), true)
  })
})

describe('the short form inside objects and lists', () => {
  const params = {
    user: {
      type: 'object',
      required: true,
      properties: {
        name: { type: 'string', required: true, min: 1 },
        role: { type: 'string', enum: ['admin', 'guest'], default: 'guest' },
      },
    },
    points: {
      type: 'array',
      max: 3,
      default: [[0, 0]],
      items: { type: 'array', min: 2, max: 2, items: { type: 'number' } },
    },
  } as const

  it('takes what fits, with defaults, and lets other members through', async () => {
    assert.deepEqual(await check(params, { user: { name: 'a' } }), {
      user: { name: 'a', role: 'guest' },
      points: [[0, 0]],
    })
    const input = JSON.parse('{"user":{"name":"a","role":"admin","more":1,"__proto__":{"x":1}},"points":[]}')
    const value = (await check(params, input)) as { user: Record<string, unknown> }
    assert.deepEqual(Object.keys(value.user), ['name', 'role', 'more', '__proto__'])
    assert.equal(Object.getPrototypeOf(value.user), Object.prototype)
  })

  it('leaves the caller’s own object and the default alone', async () => {
    const input = { user: { name: 'a' } }
    const first = (await check(params, input)) as { points: number[][] }
    first.points[0]?.push(9)
    assert.deepEqual(input, { user: { name: 'a' } })
    assert.deepEqual(((await check(params, input)) as typeof first).points, [[0, 0]])
  })

  it('points to the place', async () => {
    assert.deepEqual(await check(params, { user: { role: 'king' }, points: [[1, 2], [1], [1, 'x'], 4] }), [
      '/input/user/name is required',
      '/input/user/role must be one of "admin", "guest"',
      '/input/points must have at most 3 elements',
    ])
    assert.deepEqual(await check(params, { user: { name: 'a' }, points: [[1], [1, 'x'], 4] }), [
      '/input/points/0 must have at least 2 elements',
      '/input/points/1/1 must be a number',
      '/input/points/2 must be an array',
    ])
    assert.deepEqual(await check(params, { user: [], more: 1 }), ['/input/more there is no such parameter'])
  })

  it('looks at no more wrong elements than anybody reads', async () => {
    let asked = 0
    const list = new Proxy(new Array(100_000).fill(1), {
      get(target, key, receiver) {
        if (typeof key === 'string' && /^\d+$/.test(key)) asked++
        return Reflect.get(target, key, receiver)
      },
    })
    await check({ list: { type: 'array', items: { type: 'string' } } }, { list })
    assert.ok(asked <= 101, String(asked))
  })

  it('publishes what it checks', () => {
    assert.deepEqual(compileInput(undefined, params).jsonSchema, {
      type: 'object',
      additionalProperties: false,
      required: ['user'],
      properties: {
        user: {
          type: 'object',
          required: ['name'],
          properties: {
            name: { type: 'string', minLength: 1 },
            role: { type: 'string', enum: ['admin', 'guest'], default: 'guest' },
          },
        },
        points: {
          type: 'array',
          maxItems: 3,
          default: [[0, 0]],
          items: { type: 'array', minItems: 2, maxItems: 2, items: { type: 'number' } },
        },
      },
    })
  })

  it('refuses a definition that cannot be used', () => {
    const circle: { type: 'array'; items?: object } = { type: 'array' }
    circle.items = circle
    for (const [spec, says] of [
      [{ type: 'string', properties: {} }, /"p" has properties, but its type is string/],
      [{ type: 'object', properties: 3 }, /"p" has properties that are no object/],
      [{ type: 'object', items: { type: 'string' } }, /"p" has items, but its type is object/],
      [{ type: 'object', properties: { 'a b': { type: 'string' } } }, /"p\.a b" is no valid name/],
      [{ type: 'array', items: { type: 'text' } }, /"p\[\]" needs a type/],
      [{ type: 'array', items: { type: 'string', min: 'x' } }, /"p\[\]" has a bound/],
      [{ type: 'array', items: { type: 'string' }, default: [1] }, /"p" has a default.*0 must be a string/],
      [circle, /lies in more than 20 others/],
    ] as const)
      assert.throws(() => compileInput(undefined, { p: spec } as never), says)
  })

  it('types what the handler gets', () => {
    defineFunction({
      params,
      handler({ user, points }) {
        const name: string = user.name
        const role: string = user.role
        const first: number | undefined = points[0]?.[0]
        return [name, role, first]
      },
    })
  })
})
