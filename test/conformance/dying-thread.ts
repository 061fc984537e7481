/** A store thread that opens like any other and dies at its first batch, as one out of memory would. */
import { parentPort } from 'node:worker_threads'

const contents = { epoch: 1, intents: [], workers: [], interfaces: [], sessions: [], settings: [], forms: [] }
parentPort?.on('message', () => process.exit(9))
parentPort?.postMessage({ kind: 'opened', contents })
