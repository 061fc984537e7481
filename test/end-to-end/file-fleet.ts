/**
 * A project whose functions write and read files, for tests with real processes. What a file holds follows from its
 * size and a seed, so that whoever downloads it can tell whether it is whole without keeping it.
 */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const PIECE_BYTES = 64 * 1024

/** Pieces of a file: no two alike, nor those of two seeds. */
const MAKE = `
import { createHash } from 'node:crypto'
export function* piecesOf(size, seed) {
  for (let at = 0, n = 0; at < size; n++) {
    const head = createHash('sha256').update(seed + '/' + n).digest()
    const piece = Buffer.alloc(Math.min(${PIECE_BYTES}, size - at), head)
    at += piece.length
    yield piece
  }
}
`

const WRITE = `
import { defineFunction } from '@berth/worker'
import { z } from 'zod'
import { appendFileSync, existsSync } from 'node:fs'
import { piecesOf } from '../helpers/pieces.ts'

const file = z.object({ path: z.string(), size: z.number().default(0), seed: z.string().default('s'), type: z.string().optional(), text: z.string().optional() })
export default defineFunction({
  input: z.object({ files: z.array(file), note: z.string().optional(), waitFor: z.string().optional(), catches: z.boolean().default(false), fails: z.boolean().default(false) }),
  config: { ISOLATION timeout: 120_000 },
  async handler({ files, note, waitFor, catches, fails }, ctx) {
    const said = []
    for (const { path, size, seed, type, text } of files) {
      const data = text ?? async function* () { yield* piecesOf(size, seed) }()
      if (note) appendFileSync(note, JSON.stringify({ run: ctx.runId, attempt: ctx.attempt, path, event: 'begins' }) + '\\n')
      try {
        await ctx.file(path, data, type)
        said.push('kept')
      } catch (error) {
        if (!catches) throw error
        said.push(error.code ?? error.name)
      }
      if (note) appendFileSync(note, JSON.stringify({ run: ctx.runId, attempt: ctx.attempt, path, event: 'kept' }) + '\\n')
    }
    while (waitFor && !existsSync(waitFor)) await new Promise((resolve) => setTimeout(resolve, 10))
    if (fails) throw new Error('it fails')
    const { rss } = process.memoryUsage()
    return { said, rss, attempt: ctx.attempt }
  },
})
`

const READ = `
import { bytes, defineFunction } from '@berth/worker'
import { createHash } from 'node:crypto'
export default defineFunction({
  config: { ISOLATION timeout: 120_000 },
  async handler(_input, { files, file }) {
    const seen = []
    for (const { path, mediaType, size } of files.list()) {
      const hash = createHash('sha256')
      const found = await files.read(path)
      for await (const piece of found.stream()) hash.update(piece)
      seen.push({ path, mediaType, size, sha256: hash.digest('hex') })
    }
    await file('seen.json', JSON.stringify(seen), 'application/json')
    return { seen, rss: process.memoryUsage().rss }
  },
})
`

const PICTURE = `
import { bytes, defineFunction } from '@berth/worker'
export default defineFunction({ handler: () => bytes(Buffer.from('<svg onload="alert(1)"/>'), 'image/svg+xml') })
`

/** Has `write` write for it, and answers what that did. */
const ORDER = `
import { defineFunction } from '@berth/worker'
import { z } from 'zod'
export default defineFunction({
  input: z.looseObject({}),
  config: { timeout: 120_000 },
  async handler(input, { call }) { return { ordered: await call('write', input) } },
})
`

export async function writeFileFleet(folder: string): Promise<string> {
  await mkdir(join(folder, 'functions'), { recursive: true })
  await mkdir(join(folder, 'helpers'), { recursive: true })
  const thread = "isolation: 'thread' as const,"
  const files = {
    'helpers/pieces.ts': MAKE.replace('(size, seed)', '(size: number, seed: string)'),
    'functions/write.ts': WRITE.replace('ISOLATION', ''),
    'functions/write-thread.ts': WRITE.replace('ISOLATION', thread),
    'functions/read.ts': READ.replace('ISOLATION', ''),
    'functions/read-thread.ts': READ.replace('ISOLATION', thread),
    'functions/picture.ts': PICTURE,
    'functions/order.ts': ORDER,
  }
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text)
  return folder
}

export function* piecesOf(size: number, seed: string): Generator<Buffer<ArrayBuffer>> {
  for (let at = 0, n = 0; at < size; n++) {
    const head = createHash('sha256').update(`${seed}/${n}`).digest()
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, size - at), head)
    at += piece.length
    yield piece
  }
}

/** Lower-case hex. */
export function sha256Of(size: number, seed: string): string {
  const hash = createHash('sha256')
  for (const piece of piecesOf(size, seed)) hash.update(piece)
  return hash.digest('hex')
}

/** Of an answer that may be long: nothing of it is kept. */
export async function sha256OfBody(
  response: Response,
): Promise<{ readonly sha256: string; readonly size: number }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const piece of response.body ?? []) {
    hash.update(piece)
    size += piece.length
  }
  return { sha256: hash.digest('hex'), size }
}
