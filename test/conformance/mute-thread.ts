/** A store thread that opens and then never answers, as one stuck in a disk's write would. */
import { parentPort } from 'node:worker_threads'

const contents = { epoch: 1, intents: [], workers: [], interfaces: [], sessions: [], settings: [], forms: [] }
parentPort?.on('message', () => {})
parentPort?.postMessage({ kind: 'opened', contents })
