/** Against a queue: BullMQ's add-and-wait, 32 at a time, with a Node client of the same kind and with wrk. */
import { Agent, request } from 'node:http'
import { driveWrk, makeRequest } from '../load.ts'
import { KEY, startBerth } from '../peers/berth.ts'
import { startBullMq } from '../peers/bullmq.ts'
import { compare, type Scenario } from '../scenario.ts'

const BODY = '{"function":"hello","input":{"name":"Ada"}}'
const AT_A_TIME = 32
const BULLMQ = 'BullMQ on Redis without fsync'

export const queue: Scenario = {
  name: 'queue',
  about: 'a task and its result against BullMQ, 32 at a time, tasks/s',
  isQuick: true,
  async run(stage, { rounds, warmUpS, runS }) {
    const bullmq = await startBullMq(stage)
    if (bullmq === undefined)
      return { findings: [], notes: [`${BULLMQ} was left out: redis-server is not installed`] }
    const berth = await startBerth(stage)
    const call = callerOf(berth.url)
    const trivial = await makeRequest(stage, {
      path: '/task',
      type: 'application/json',
      body: Buffer.from(BODY),
    })
    const wrk = (seconds: number) => driveWrk(berth.url, trivial, { connections: AT_A_TIME, seconds })
    const rates = { node: [] as number[], wrk: [] as number[], bullmq: [] as number[] }
    await drive(call, warmUpS)
    await drive(bullmq.call, warmUpS)
    await wrk(warmUpS)
    for (let round = 0; round < rounds; round++) {
      rates.node.push(await drive(call, runS))
      rates.bullmq.push(await drive(bullmq.call, runS))
      rates.wrk.push(await wrk(runS))
    }
    await bullmq.close()
    return {
      findings: [
        compare('tasks/s, a Node client', rates.node, BULLMQ, rates.bullmq, { min: 3 }),
        compare('tasks/s, wrk', rates.wrk, BULLMQ, rates.bullmq, { min: 6 }),
      ],
      notes: [],
    }
  },
}

/** So many at a time, for so long; ends a second. */
async function drive(call: () => Promise<unknown>, seconds: number): Promise<number> {
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  let count = 0
  const loop = async () => {
    while (performance.now() < endsAt) {
      await call()
      count++
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, loop))
  return (count * 1000) / (performance.now() - startedAt)
}

function callerOf(url: string): () => Promise<unknown> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME })
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  return () => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const sent = request(`${url}/task`, { method: 'POST', agent, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (piece: string) => {
        text += piece
      })
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`a task got ${answer.statusCode}: ${text}`))
      })
    })
    sent.once('error', reject)
    sent.end(BODY)
    return promise
  }
}
