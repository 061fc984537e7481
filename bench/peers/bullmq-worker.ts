/** A BullMQ worker that greets: a process of its own, told its Redis by `REDIS_PORT`. Says on stdout when it is ready. */
import { Worker } from 'bullmq'

const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: null }
const worker = new Worker<{ name: string }>(
  'hello',
  async ({ data }) => ({ message: `Hello ${data.name}!` }),
  { connection, concurrency: 128 },
)
await worker.waitUntilReady()
process.stdout.write('bullmq worker ready\n')
process.once('SIGTERM', () => void worker.close().then(() => process.exit(0)))
