/** Batches of 1,000 trivial tasks against the same tasks one by one, and against a bare server that gets them so. */
import { driveWrk, makeRequest } from '../load.ts'
import { startBare } from '../peers/bare.ts'
import { startBerth } from '../peers/berth.ts'
import { compare, type Scenario } from '../scenario.ts'

const TASK = '{"function":"hello","input":{"name":"Ada"}}'
const SIZE = 1_000
const CONNECTIONS = 32
/** Enough that both ends always have one to work on. */
const BATCH_CONNECTIONS = 4

export const batch: Scenario = {
  name: 'batch',
  about: 'POST /tasks with 1,000 tasks a batch, tasks/s',
  isQuick: true,
  async run(stage, { rounds, warmUpS, runS }) {
    const berth = await startBerth(stage)
    const [bare = ''] = await startBare(stage, 1)
    const single = await makeRequest(stage, {
      path: '/task',
      type: 'application/json',
      body: Buffer.from(TASK),
    })
    const many = await makeRequest(stage, {
      path: '/tasks',
      type: 'application/x-ndjson',
      body: Buffer.from(`${TASK}\n`.repeat(SIZE)),
    })
    const rates = { batches: [] as number[], singles: [] as number[], bares: [] as number[] }
    await driveWrk(berth.url, many, { connections: BATCH_CONNECTIONS, seconds: warmUpS })
    await driveWrk(berth.url, single, { connections: CONNECTIONS, seconds: warmUpS })
    await driveWrk(bare, single, { connections: CONNECTIONS, seconds: warmUpS })
    for (let round = 0; round < rounds; round++) {
      const batches = await driveWrk(berth.url, many, { connections: BATCH_CONNECTIONS, seconds: runS })
      rates.batches.push(batches * SIZE)
      rates.singles.push(await driveWrk(berth.url, single, { connections: CONNECTIONS, seconds: runS }))
      rates.bares.push(await driveWrk(bare, single, { connections: CONNECTIONS, seconds: runS }))
    }
    const what = 'tasks/s'
    return {
      findings: [
        compare(what, rates.batches, 'the same one by one', rates.singles, { min: 2.5 }),
        compare(what, rates.batches, 'a bare server, one by one', rates.bares, { min: 1.5 }),
      ],
      notes: [],
    }
  },
}
