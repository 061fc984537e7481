/** BullMQ as its users run it: Redis without fsync, two workers, one client that adds jobs and waits for each. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, QueueEvents } from 'bullmq'
import { findPort, isInstalled, isOpen, type Stage } from '../stage.ts'

export interface BullMq {
  /** Adds a job and waits for its result. */
  call(): Promise<unknown>
  /** Adds a job and waits for nothing but that. */
  submit(): Promise<unknown>
  submitMany(count: number): Promise<unknown>
  /** Resolves when no job waits or runs. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Who waits for a job asks Redis for it once, so the newest ones have to be there. */
const KEPT = { count: 1_000 }

/** Undefined when Redis is not installed. */
export async function startBullMq(stage: Stage): Promise<BullMq | undefined> {
  if (!isInstalled('redis-server')) return undefined
  const port = await findPort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  await stage.start({ name: 'redis', command: 'redis-server', args }, () => isOpen(port))
  for (let index = 0; index < 2; index++)
    await stage.start(
      {
        name: 'bullmq worker',
        command: process.execPath,
        args: [join(import.meta.dirname, 'bullmq-worker.ts')],
        env: { REDIS_PORT: String(port) },
      },
      async ({ output }) => output().includes('bullmq worker ready'),
    )
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  const queue = new Queue('hello', { connection })
  queue.setMaxListeners(0)
  const events = new QueueEvents('hello', { connection })
  events.setMaxListeners(0)
  await events.waitUntilReady()
  return {
    async call() {
      const job = await queue.add('hello', { name: 'Ada' }, { removeOnComplete: KEPT })
      return job.waitUntilFinished(events)
    },
    submit: () => queue.add('hello', { name: 'Ada' }, { removeOnComplete: KEPT }),
    submitMany: (count) =>
      queue.addBulk(
        Array.from({ length: count }, () => ({
          name: 'hello',
          data: { name: 'Ada' },
          opts: { removeOnComplete: KEPT },
        })),
      ),
    async idle() {
      for (;;) {
        const { waiting = 0, active = 0, prioritized = 0 } = await queue.getJobCounts()
        if (waiting + active + prioritized === 0) return
        await sleep(10)
      }
    },
    async close() {
      await events.close()
      await queue.close()
    },
  }
}
