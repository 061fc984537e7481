/**
 * Sends tasks at random instants, whether or not the answers keep up, as many callers do who know nothing of each
 * other. Called by scenarios that judge waiting. Invariant: every sample is of a good answer; one bad one throws.
 */
import { Agent, request } from 'node:http'
import { KEY } from './peers/berth.ts'

/** One task as its caller saw it; ms. */
export interface Sample {
  /** Since the first. */
  readonly sentAt: number
  readonly latencyMs: number
  /** What the worker says that the attempt took. */
  readonly runMs: number
}

export interface Arrivals {
  readonly perSecond: number
  readonly count: number
  /** The body of the next task. */
  readonly nextBody: () => string
  /** 0 ≤ x < 1. */
  readonly random: () => number
}

/** Poisson arrivals; those that are due are sent once a millisecond. */
export async function sendOpenLoop(
  url: string,
  { perSecond, count, nextBody, random }: Arrivals,
): Promise<Sample[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 2_000 })
  const startedAt = performance.now()
  const answers: Promise<Sample>[] = []
  const failed = Promise.withResolvers<never>()
  // Nobody waits for it yet when one fails while others are still to be sent.
  failed.promise.catch(() => {})
  let dueAt = startedAt
  await new Promise<void>((done) => {
    const timer = setInterval(() => {
      while (answers.length < count && dueAt <= performance.now()) {
        const answer = send(url, agent, nextBody(), startedAt)
        answer.catch(failed.reject)
        answers.push(answer)
        dueAt += (-Math.log(1 - random()) * 1000) / perSecond
      }
      if (answers.length < count) return
      clearInterval(timer)
      done()
    }, 1)
  })
  const samples = await Promise.race([Promise.all(answers), failed.promise])
  agent.destroy()
  return samples
}

function send(url: string, agent: Agent, body: string, startedAt: number): Promise<Sample> {
  const sentAt = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<Sample>()
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const call = request(`${url}/task`, { method: 'POST', agent, headers }, (answer) => {
    let said = ''
    if (answer.statusCode === 200) answer.resume()
    else answer.setEncoding('utf8').on('data', (text: string) => (said += text))
    answer.once('end', () => {
      const runMs = Number(/run;dur=([\d.]+)/.exec(String(answer.headers['server-timing']))?.[1])
      if (answer.statusCode !== 200 || Number.isNaN(runMs))
        reject(new Error(`a task got ${answer.statusCode}: ${said.slice(0, 500)}`))
      else resolve({ sentAt: sentAt - startedAt, latencyMs: performance.now() - sentAt, runMs })
    })
  })
  call.once('error', reject)
  call.end(body)
  return promise
}
