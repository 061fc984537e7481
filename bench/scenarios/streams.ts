/** Streams: how much later the first chunk comes through the balancer, and what a hundred of them hold. */
import { setTimeout as sleep } from 'node:timers/promises'
import { COLLECTS, readMemory, residentBytesOf } from '../memory.ts'
import { type Berth, startBerth } from '../peers/berth.ts'
import { compare, type Finding, median, type Scenario, type Settings } from '../scenario.ts'
import { readStream } from '../stream-reader.ts'

const EVERY_MS = 1
/** Of the streams whose first chunk is looked at. */
const SHORT = 20
const SAMPLES_PER_SECOND = 20
const MANY = 100
const CHUNKS = 10_000
const QUICK_CHUNKS = 500
const SAMPLE_MS = 250
const MB = 1024 * 1024

export const streams: Scenario = {
  name: 'streams',
  about: `chunks ${EVERY_MS} ms apart: the first one against direct, and ${MANY} at once in constant memory`,
  isQuick: true,
  async run(stage, settings) {
    const berth = await startBerth(stage, { options: COLLECTS })
    const findings = [await compareFirst(berth, settings)]
    if (process.platform !== 'linux') return { findings, notes: ['only Linux has the accounts for memory'] }
    const held = await holdMany(berth, settings.isQuick ? QUICK_CHUNKS : CHUNKS)
    return { findings: [...findings, ...held.findings], notes: held.notes }
  },
}

/** Each pair one after the other, so that both see the same machine. */
async function compareFirst({ url, workers }: Berth, { rounds, runS }: Settings): Promise<Finding> {
  const [worker = ''] = workers
  const later: number[] = []
  await samplePairs(url, worker, SAMPLES_PER_SECOND)
  for (let round = 0; round < rounds; round++)
    later.push(await samplePairs(url, worker, SAMPLES_PER_SECOND * runS))
  const goal = later.map(() => 1.5)
  return compare('ms later than direct, first chunk, p50', later, 'the goal of 1.5 ms', goal, { max: 1 })
}

/** How much later at p50, ms. */
async function samplePairs(url: string, worker: string, pairs: number): Promise<number> {
  const ours: number[] = []
  const direct: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    direct.push(await firstChunkMs(worker))
    ours.push(await firstChunkMs(url))
  }
  return median(ours) - median(direct)
}

async function firstChunkMs(url: string): Promise<number> {
  const { first, whole } = readStream(url, '/task', dripping(SHORT))
  await whole
  return first
}

function dripping(chunks: number): string {
  return JSON.stringify({ function: 'drip', mode: 'stream', input: { chunks, everyMs: EVERY_MS } })
}

async function holdMany({ url, balancer }: Berth, chunks: number) {
  const before = await readMemory(balancer)
  const startedAt = performance.now()
  const reading = Array.from({ length: MANY }, () => readStream(url, '/task', dripping(chunks)).whole)
  const ended = Promise.all(reading).then(() => true)
  const resident: number[] = []
  while (!(await Promise.race([ended, sleep(SAMPLE_MS, false)]))) resident.push(residentBytesOf(balancer.pid))
  const seconds = (performance.now() - startedAt) / 1000
  const after = await readMemory(balancer)
  const [early, late] = [resident.slice(0, resident.length / 2), resident.slice(resident.length / 2)]
  const peak = `most MB of the balancer, ${MANY} streams of ${chunks} chunks, later half`
  const rate = Math.round((MANY * chunks) / seconds).toLocaleString('en')
  return {
    findings: [
      compare(peak, [Math.max(...late) / MB], 'the first half', [Math.max(...early) / MB], { max: 1.1 }),
      compare(
        'MB held when they have ended',
        [after.heapBytes / MB],
        'before them',
        [before.heapBytes / MB],
        {
          max: 1.1,
        },
      ),
    ],
    notes: [
      `${rate} chunks/s; resident before ${megabytes(before.residentBytes)}, at most ${megabytes(Math.max(...resident))} MB`,
    ],
  }
}

function megabytes(bytes: number): string {
  return (bytes / MB).toFixed(1)
}
