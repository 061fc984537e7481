/**
 * A function that notes each of its executions in a file, and the reader of that file.
 * It decides what really ran, whatever the balancer believes: the notes survive a `kill -9` of the worker,
 * because each is one append that is with the kernel before the handler goes on.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export type Execution = {
  event: 'started' | 'finished' | 'aborted'
  /** What the caller put into the input, to tell tasks apart. */
  id: string
  runId: string
  attempt: number
  /** The worker's process. */
  pid: number
  /** Unix milliseconds. */
  atMs: number
  /** As it starts, of a turn: its session, how many turns before it the handler was told of, and the `id` of the last. */
  session?: string
  turns?: number
  lastTurn?: string
}

export type Probe = {
  /** The project folder to start workers with. */
  folder: string
  read(): Promise<Execution[]>
  /** Lets end what was held under this id, or whatever is held, now or as soon as it begins, until `hold` or `clear`. */
  release(id?: string): Promise<void>
  /** Takes back that whatever is held was released. */
  hold(): Promise<void>
  /** Forgets all notes, and that whatever is held was released; for a moment when nothing runs. */
  clear(): Promise<void>
}

/** In the place of an id. */
const ALL = '*'

/**
 * Writes a project folder with the function `probe`: input `{id, ms, how, times, data, bytes}`, takes `ms` and
 * answers `{id, pid}`, with `bytes` of text when more is asked for. `config` becomes the function's.
 *
 * `how`, in the first `times` attempts (default all): `wait` sleeps and heeds its signal, `block` holds the
 * event loop, `fail` throws, `exit` ends the process before it is done, `die` when all is done but the result
 * has not left; `odd` throws what is no error, `deaf` takes `ms` whatever its signal says, `hoard` takes memory
 * without end, `chatter` logs as fast as it can, `held` goes on until it is released and heeds its signal.
 */
export async function writeProbe(folder: string, config: Record<string, unknown> = {}): Promise<Probe> {
  const logFile = join(folder, 'executions.ndjson')
  await mkdir(join(folder, 'functions'), { recursive: true })
  await writeFile(join(folder, 'functions', 'probe.ts'), probeSource(folder, logFile, config))
  await writeFile(logFile, '')
  const hold = (): Promise<void> => rm(join(folder, `released-${ALL}`), { force: true })
  return {
    folder,
    read: async () => parseExecutions(await readFile(logFile, 'utf8')),
    release: (id = ALL) => writeFile(join(folder, `released-${id}`), ''),
    hold,
    async clear() {
      await hold()
      await writeFile(logFile, '')
    },
  }
}

/** In the order of writing; a last line that is not whole is left out. */
export function parseExecutions(text: string): Execution[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Execution)
}

/** The most executions that a process had under way at once, by process. */
export function findPeaks(executions: readonly Execution[]): Map<number, number> {
  const running = new Map<number, number>()
  const peaks = new Map<number, number>()
  for (const { event, pid } of executions) {
    const count = (running.get(pid) ?? 0) + (event === 'started' ? 1 : -1)
    running.set(pid, count)
    peaks.set(pid, Math.max(peaks.get(pid) ?? 0, count))
  }
  return peaks
}

function probeSource(folder: string, logFile: string, config: Record<string, unknown>): string {
  return `import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

const isReleased = (id) => [id, '${ALL}'].some((name) => existsSync(${JSON.stringify(`${folder}/released-`)} + name))

export default defineFunction({
  input: z.object({
    id: z.string().default(''),
    ms: z.number().int().min(0).default(0),
    how: z.enum(['wait', 'block', 'fail', 'exit', 'die', 'odd', 'deaf', 'hoard', 'chatter', 'held']).default('wait'),
    times: z.number().int().default(1_000),
    data: z.string().default(''),
    bytes: z.number().int().min(0).default(0),
  }),
  config: ${JSON.stringify(config)},
  async handler({ id, ms, how, times, bytes }, ctx) {
    const { runId, attempt, signal, log, session } = ctx
    const tell = () => ({ session, turns: ctx.turns.length, lastTurn: ctx.turns.at(-1)?.input.id })
    const note = (event) => {
      const told = event === 'started' && session !== undefined ? tell() : {}
      const line = { event, id, runId, attempt, pid: process.pid, atMs: Date.now(), ...told }
      appendFileSync(${JSON.stringify(logFile)}, JSON.stringify(line) + '\\n')
    }
    const does = (what) => how === what && attempt <= times
    note('started')
    try {
      if (does('block')) for (const endAt = Date.now() + ms; Date.now() < endAt; );
      else if (does('deaf')) await wait(ms)
      else if (does('held')) while (!isReleased(id)) await wait(10, undefined, { signal })
      else if (does('chatter')) for (const endAt = Date.now() + ms; Date.now() < endAt; await wait(0))
        for (let lines = 0; lines < 2_000; lines++) log.info('line ' + lines)
      else if (ms > 0 && (how !== 'wait' || does('wait'))) await wait(ms, undefined, { signal })
      if (does('hoard')) for (const kept = []; ; ) kept.push(new Array(50_000).fill(0).map(Math.random))
      if (does('odd')) throw undefined
      if (does('exit')) process.exit(1)
      if (does('fail')) throw new Error('as it was told')
    } catch (error) {
      note('aborted')
      throw error
    }
    note('finished')
    if (does('die')) process.kill(process.pid, 'SIGKILL')
    return { id, pid: process.pid, ...(bytes > 0 ? { text: 'x'.repeat(bytes) } : {}) }
  },
})
`
}
