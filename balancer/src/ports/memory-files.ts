/**
 * How a task in memory writes files, for whoever submits one: `http/` for its callers, `fleet/` for what handlers
 * call. Invariant: one that has begun to write a file is answered when its end is on disk with its files, or told why
 * it is not there.
 */
import type { FileIntakePort, MemoryFilesPort } from './files.ts'
import type { Settlement, Submission } from './submission.ts'

/** One for all submissions, which it is called on: most write none. */
export function takesFiles(files: FileIntakePort): NonNullable<Submission['onFile']> {
  return function (this: Submission, piece, origin) {
    files.receive({ id: this.run, seq: 0, isDurable: false }, piece, origin)
  }
}

/** Calls once with the end as its caller is to hear it: at once for a task without files. */
export function tellRecorded(
  files: MemoryFilesPort | undefined,
  run: string,
  settlement: Settlement,
  tell: (settlement: Settlement) => void,
): void {
  if (files?.has(run)) void whenRecorded(files, run, settlement).then(tell)
  else tell(settlement)
}

async function whenRecorded(
  files: MemoryFilesPort,
  run: string,
  settlement: Settlement,
): Promise<Settlement> {
  const error = await files.whenRecorded(run)
  if (!error) return settlement
  const { worker, attempt, queueMs, runMs } = settlement
  return { kind: 'failed', error, worker, attempt, queueMs, runMs }
}
