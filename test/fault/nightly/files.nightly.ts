/**
 * Files of 1 KB to 100 MB while balancer and workers are killed at random moments, and what they cost in memory and
 * time; about five minutes. FILES_ROUNDS (default 40) and FILES_SEED change it.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RunView } from '@berth/protocol'
import { sha256Of, sha256OfBody } from '../../end-to-end/file-fleet.ts'
import { KEYS } from '../../harness/berth.ts'
import { FileSite, residentBytes, type WantedFile } from '../file-site.ts'

const KB = 1024
const MB = 1024 * KB
const ROUNDS = Number(process.env.FILES_ROUNDS ?? 40)
const SEED = Number(process.env.FILES_SEED ?? 20_261_122)
const SIZES = [KB, 64 * KB, 64 * KB + 1, MB, 5 * MB, 20 * MB, 60 * MB]
/** Beyond what a process has behind its first file; a file in memory would be more. */
const MOST_GROWTH = 64 * MB

/** Numbers from 0 to below 1 that follow from the seed. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

describe('files', { timeout: 40 * 60_000 }, () => {
  test(`${ROUNDS} kills in the middle: whole or absent, never half (seed ${SEED})`, async (t) => {
    const random = createRandom(SEED)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const site = await FileSite.start(t, 2)
    const counts = { files: 0, bytes: 0, uploads: 0, lost: 0, again: 0, balancer: 0, worker: 0, both: 0 }
    for (let round = 0; round < ROUNDS; round++) {
      const writers = Array.from({ length: 3 }, (_, n) =>
        Array.from({ length: 1 + Math.floor(random() * 4) }, (_, k) => ({
          path: `round ${round}/${n}/${k}.bin`,
          size: pick(SIZES),
          seed: `${round}-${n}-${k}`,
        })),
      )
      // One is large, so that the kill meets it.
      const large = { path: 'large.bin', size: 60 * MB, seed: `large ${round}` }
      const wanted: WantedFile[][] = [...writers, [large]]
      const runs = await Promise.all(wanted.map((files) => site.beginWriting(files)))
      const upload = { path: `up/${round}.png`, size: pick(SIZES), seed: `up ${round}` }
      const answered = site.upload(upload)
      await site.midway(Math.floor(random() * 30 * MB))
      const victim = pick(['balancer', 'worker', 'both'] as const)
      counts[victim]++
      const n = Math.floor(random() * 2)
      if (victim !== 'worker') await site.balancer.kill9()
      if (victim !== 'balancer') await site.workers[n]?.kill9()
      if (victim !== 'balancer') await site.restartWorker(n)
      if (victim !== 'worker') await site.restartBalancer()
      for (const [index, run] of runs.entries()) {
        const view = await site.ended(run)
        await site.assertAll(view, wanted[index] ?? [])
        counts.files += view.files.length
        counts.bytes += view.files.reduce((sum, { size }) => sum + size, 0)
        if (view.attempt > 1) counts.again++
      }
      const answer = await answered
      if (answer?.status === 202) {
        const { runId } = (await answer.json()) as { runId: string }
        const view = await site.ended(runId)
        await site.assertAll(view, [upload])
        counts.uploads++
      } else counts.lost++
      if (round % 5 === 4) await site.assertNothingLeft()
    }
    await site.assertNothingLeft()
    t.diagnostic(JSON.stringify(counts))
  })

  test('100 MB cost neither process memory, on any of its ways', async (t) => {
    const site = await FileSite.start(t)
    const file = { path: 'a/100 MB.bin', size: 100 * MB, seed: 'hundred' }
    const pids = { balancer: site.balancer.pid, worker: site.workers[0]?.pid ?? 0 }
    const ended = async (run: string): Promise<RunView> => {
      const view = await site.ended(run)
      await site.assertAll(view, [file])
      return view
    }
    const ways: Record<string, () => Promise<unknown>> = {
      written: async () => ended(await site.beginWriting([file])),
      'written in a thread': async () => ended(await site.beginWriting([file], { function: 'write-thread' })),
      uploaded: async () => {
        const answer = await site.upload(file)
        if (answer?.status !== 202) assert.fail(`answered ${answer?.status}`)
        const { runId } = (await answer.json()) as { runId: string }
        return ended(runId)
      },
    }
    // What is free again is not given back at once: from here on nothing more is taken.
    for (const go of Object.values(ways)) await go()
    for (const [way, go] of Object.entries(ways)) {
      const idle = { balancer: await residentBytes(pids.balancer), worker: await residentBytes(pids.worker) }
      const most = { ...idle }
      const watch = setInterval(async () => {
        for (const who of ['balancer', 'worker'] as const)
          most[who] = Math.max(most[who], await residentBytes(pids[who]).catch(() => 0))
      }, 20)
      const from = performance.now()
      await go()
      const ms = Math.round(performance.now() - from)
      clearInterval(watch)
      const grown = { balancer: most.balancer - idle.balancer, worker: most.worker - idle.worker }
      const told = Object.entries(grown).map(([who, bytes]) => `${who} +${Math.round(bytes / MB)} MB`)
      t.diagnostic(`100 MB ${way} and downloaded: ${ms} ms, ${told.join(', ')}`)
      for (const [who, bytes] of Object.entries(grown))
        assert.ok(bytes < MOST_GROWTH, `${way}: ${who} grew by ${bytes}`)
    }
    // Ranges of it, from everywhere.
    const run = await site.ended(await site.beginWriting([file]))
    const url = `${site.balancer.url}/runs/${run.id}/files/${encodeURI(file.path)}`
    const headers = { authorization: KEYS.caller }
    const whole = await fetch(url, { headers })
    assert.equal((await sha256OfBody(whole)).sha256, sha256Of(file.size, file.seed))
    for (const from of [0, 1, 64 * KB - 1, 50 * MB, 100 * MB - 1]) {
      const part = await fetch(url, { headers: { ...headers, range: `bytes=${from}-${from + 99_999}` } })
      const { size } = await sha256OfBody(part)
      assert.deepEqual([part.status, size], [206, Math.min(100_000, file.size - from)])
    }
  })
})
