/**
 * Functions for the tests of streams and bytes, and a caller that reads as slowly as a test likes. Real
 * processes; what a handler does is told by files in its folder, what it waits for as well.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Balancer, KEYS } from '../harness/berth.ts'
import type { Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'

export type StreamFleet = {
  /** The project folder to start workers with. */
  folder: string
  /** What handlers have said so far, a word a line. */
  said(): Promise<string[]>
  untilSaid(word: string): Promise<void>
  /** Lets handlers that wait for this word go on. */
  tell(word: string): Promise<void>
}

export async function writeStreamFleet(folder: string): Promise<StreamFleet> {
  const noteFile = join(folder, 'said.txt')
  await mkdir(join(folder, 'functions'), { recursive: true })
  await writeFile(noteFile, '')
  for (const [name, source] of Object.entries(SOURCES))
    await writeFile(join(folder, 'functions', `${name}.ts`), `${header(folder)}${source}`)
  const said = async () => (await readFile(noteFile, 'utf8')).split('\n').filter(Boolean)
  return {
    folder,
    said,
    untilSaid: async (word) => {
      await until(async () => (await said()).includes(word), LIMIT_MS, `a handler says "${word}"`)
    },
    tell: (word) => writeFile(join(folder, `go-${word}`), ''),
  }
}

const header = (folder: string) => `import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { bytes, defineFunction } from '@berth/worker'
import { z } from 'zod'

const say = (word) => appendFileSync(${JSON.stringify(join(folder, 'said.txt'))}, word + '\\n')
const told = async (word, signal) => {
  while (!existsSync(${JSON.stringify(join(folder, 'go-'))} + word)) await wait(5, undefined, { signal })
}
`

const SOURCES = {
  /** A chunk, a line and progress for each word, the next only when the test says so. */
  words: `
export default defineFunction({
  input: z.object({ words: z.array(z.string()), fails: z.boolean().default(false) }),
  config: { supportsStreaming: true, idempotent: true },
  async handler({ words, fails }, ctx) {
    ctx.signal.addEventListener('abort', () => say('aborted ' + words[0]))
    for (const [index, word] of words.entries()) {
      await ctx.stream(word)
      ctx.log.info('said ' + word)
      ctx.progress((index + 1) / words.length)
      await told(word, ctx.signal)
    }
    if (fails) throw new Error('the end is missing')
    say('made ' + words[0])
    return { words: words.length }
  },
})
`,
  /** So many bytes in pieces, as fast as the reader takes them; says what it has given away. */
  flood: `
export default defineFunction({
  input: z.object({ bytes: z.int(), piece: z.int(), name: z.string() }),
  config: { supportsStreaming: true, timeout: 120_000 },
  async handler({ bytes: total, piece, name }, ctx) {
    const block = new Uint8Array(piece)
    for (let at = 0; at < total; at += piece) {
      for (let i = 0; i < piece; i += 512) block[i] = (at + i) % 251
      await ctx.stream(block.subarray(0, Math.min(piece, total - at)))
      if (at % (1024 * 1024) === 0) say(name + ' ' + at)
    }
    say(name + ' done')
  },
})
`,
  /** Bytes or JSON, as they came. */
  echo: `
export default defineFunction({
  input: z.looseObject({}),
  async handler(input, { body, contentType }) {
    if (!body) return input
    if (input.asked) return [input.asked, body.size, contentType]
    return bytes(new Uint8Array(await body.arrayBuffer()), contentType)
  },
})
`,
}

export type Reading = {
  response: IncomingMessage
  /** The bytes from here to the end; throws when the stream is cut. */
  rest(): Promise<Buffer>
  /** Reads until this text has come. */
  until(text: string): Promise<string>
  close(): void
}

/** A stream as one reads it who is in no hurry: nothing is read that is not asked for. */
export async function openStream(
  scope: Scope,
  balancer: Pick<Balancer, 'port'>,
  task: object,
  headers: Record<string, string> = {},
): Promise<Reading> {
  const { port } = balancer
  const call = request({
    port,
    host: '127.0.0.1',
    path: '/task',
    method: 'POST',
    agent: false,
    headers: { authorization: KEYS.caller, 'content-type': 'application/json', ...headers },
  })
  scope.after(async () => void call.destroy())
  call.on('error', () => {})
  call.end(JSON.stringify({ mode: 'stream', ...task }))
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  let text = ''
  return {
    response,
    rest: async () => Buffer.concat(await response.toArray()),
    async until(wanted) {
      while (!text.includes(wanted)) {
        const piece = response.read()
        if (piece) text += piece
        else if (response.destroyed || response.readableEnded)
          throw new Error(`"${wanted}" is not in what came: ${text}`)
        else await Promise.race([once(response, 'readable'), once(response, 'close')])
      }
      return text
    },
    close: () => call.destroy(),
  }
}

/** Resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  if (existsSync(`/proc/${pid}/status`)) {
    const kib = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kib) * 1024
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(stdout) * 1024
}
