/**
 * The balancer's check of inputs against the worker's own: whatever the worker takes, the balancer must take, for any
 * schema and any input. Schemas and inputs are drawn by chance, the same ones every time.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { compileSchema } from '../../balancer/src/runs/input-check.ts'
import { compileInput } from '../../worker/src/input/parameters.ts'

const SCHEMAS = 400
const INPUTS = 60

type Draw = () => number

/** mulberry32 */
function createDraw(seed: number): Draw {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function pick<Item>(draw: Draw, items: readonly Item[]): Item {
  return items[Math.floor(draw() * items.length)] as Item
}

const TEXTS = [
  '',
  'a',
  'ab',
  ' ab ',
  'ABC',
  '\u{1f600}',
  '\u{1f600}\u{1f600}',
  'x'.repeat(9),
  '7',
  '2026-01-01',
  'a@b.example',
  'true',
]
const NUMBERS = [0, -1, 1, 3, 7, 0.3, 1.5, 1e21, 2 ** 53, -0]
const NAMES = ['a', 'b', 'c', '__proto__', 'constructor', 'a/b']

const LEAVES: readonly ((draw: Draw) => z.ZodType)[] = [
  () => z.string(),
  (draw) => z.string().min(Math.floor(draw() * 3)),
  (draw) => z.string().max(Math.floor(draw() * 4)),
  () => z.string().trim().max(2),
  () =>
    z
      .string()
      .toLowerCase()
      .regex(/^[a-z]*$/),
  () => z.string().regex(/^(a|b)+$/),
  () => z.email(),
  () => z.iso.date(),
  () => z.number(),
  (draw) =>
    z
      .number()
      .min(Math.floor(draw() * 3))
      .max(7),
  () => z.number().gt(0).lt(7),
  () => z.int(),
  () => z.number().multipleOf(0.1),
  () => z.number().multipleOf(2),
  () => z.boolean(),
  () => z.null(),
  () => z.enum(['a', 'ab']),
  () => z.literal(['a', 7, null]),
  () => z.any(),
  () => z.unknown(),
  () => z.coerce.number(),
  () => z.coerce.number().int().min(1),
  () => z.coerce.string().max(2),
  () => z.coerce.boolean(),
  () => z.coerce.date(),
  () => z.stringbool(),
  () => z.string().catch('x'),
  () => z.number().overwrite(Math.round).max(1),
  () => z.preprocess((value) => (value === undefined ? 1 : Number(value)), z.number()),
  () => z.string().transform(Number).pipe(z.number()),
  () => z.string().refine((text) => text !== 'a'),
  () => z.custom<string>((value) => typeof value === 'string'),
]

function drawSchema(draw: Draw, depth: number): z.ZodType {
  if (depth === 0 || draw() < 0.4) return pick(draw, LEAVES)(draw)
  const inner = () => drawSchema(draw, depth - 1)
  return pick<() => z.ZodType>(draw, [
    () => inner().optional(),
    () => inner().nullable(),
    () =>
      inner()
        .optional()
        .default(undefined as never),
    () => inner().readonly(),
    () => z.array(inner()).max(2),
    () => z.array(inner()).min(1),
    () => z.tuple([inner(), inner()]),
    () => z.tuple([inner()], inner()),
    () => z.record(z.string(), inner()),
    () => z.record(z.enum(['a', 'b']), inner()),
    () => z.partialRecord(z.enum(['a', 'b']), inner()),
    () => z.record(z.string().regex(/^a/), inner()),
    () => z.union([inner(), inner()]),
    () => z.xor([inner(), inner()]),
    () => z.intersection(z.object({ a: inner() }), z.object({ b: inner() })),
    () =>
      z.discriminatedUnion('a', [
        z.object({ a: z.literal('a'), b: inner() }),
        z.object({ a: z.literal('ab'), c: inner() }),
      ]),
    () => drawObject(draw, depth - 1),
  ])()
}

function drawObject(draw: Draw, depth: number): z.ZodObject {
  const shape: Record<string, z.ZodType> = {}
  for (const name of ['a', 'b', 'constructor']) if (draw() < 0.6) shape[name] = drawSchema(draw, depth)
  return pick<() => z.ZodObject>(draw, [
    () => z.object(shape),
    () => z.strictObject(shape),
    () => z.looseObject(shape),
    () => z.object(shape).catchall(drawSchema(draw, depth)),
    () => z.object(shape).partial(),
  ])()
}

function drawValue(draw: Draw, depth: number): unknown {
  const kind = draw()
  if (kind < 0.3) return pick(draw, TEXTS)
  if (kind < 0.5) return pick(draw, NUMBERS)
  if (kind < 0.6) return pick(draw, [true, false, null])
  if (depth === 0) return pick(draw, TEXTS)
  if (kind < 0.75) return Array.from({ length: Math.floor(draw() * 4) }, () => drawValue(draw, depth - 1))
  return drawInput(draw, depth - 1)
}

function drawInput(draw: Draw, depth: number): object {
  const members = NAMES.filter((_, at) => draw() < (at < 3 ? 0.6 : 0.1))
  return JSON.parse(
    `{${members.map((name) => `${JSON.stringify(name)}:${JSON.stringify(drawValue(draw, depth))}`).join(',')}}`,
  )
}

test('whatever a worker takes passes here', async () => {
  const draw = createDraw(20_261_122)
  let taken = 0
  let refusedHere = 0
  for (let at = 0; at < SCHEMAS; at++) {
    const schema = draw() < 0.9 ? drawObject(draw, 3) : z.union([drawObject(draw, 2), drawObject(draw, 2)])
    const worker = compileInput(schema, undefined)
    const here = compileSchema(worker.jsonSchema)
    for (let n = 0; n < INPUTS; n++) {
      const input = drawInput(draw, 3)
      const text = JSON.stringify(input)
      const errors = here(input)
      const verdict = await worker.check(JSON.parse(text), '')
      if (errors.length > 0) refusedHere++
      if (!verdict.ok) continue
      taken++
      assert.deepEqual(errors, [], `schema ${at}: ${JSON.stringify(worker.jsonSchema)} takes ${text}`)
    }
  }
  // Both verdicts were put to the test.
  assert.ok(taken > 500 && refusedHere > 5_000, `${taken} taken, ${refusedHere} refused here`)
})
