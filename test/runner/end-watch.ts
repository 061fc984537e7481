/**
 * Watches, inside the process of a test file, that it ends once its tests have. Fed by count-reporter.ts with the
 * events of Node's test runner; only where the runner names a file for the state, so that a file run by hand is left
 * alone. The invariant: what keeps the process alive is named on stderr, and the process ends with LEFT_OPEN_CODE;
 * how far its end has got is in the state file, for shutdown.ts to read when it is this process that cannot tell.
 */
import { rmSync, writeFileSync, writeSync } from 'node:fs'
import { describeOpen, rememberTimers } from './open-things.ts'

/** Where the state is written. */
export const STATE_VARIABLE = 'BERTH_TEST_STATE'
/** How long after the last test the process may live, in ms, when it is not the usual time. */
export const LEFT_OPEN_VARIABLE = 'BERTH_TEST_LEFT_OPEN_MS'
/** For the endings of a whole file, which begin when its last test has ended. */
export const LEFT_OPEN_MS = 30_000
export const LEFT_OPEN_CODE = 97
/** At this signal the process says which tests run and what is open. */
export const TELL_SIGNAL = 'SIGUSR2'

export type WatchedEvent = {
  type: string
  data: { name?: string; testId?: number; nesting?: number; file?: string; line?: number; column?: number }
}

export type EndWatch = { note(event: WatchedEvent): void }

/** `stateFile` undefined: watches nothing. */
export function watchEnd(stateFile: string | undefined, leftOpenMs: number): EndWatch {
  if (stateFile === undefined) return { note: () => {} }
  rememberTimers()
  const running = new Map<string, string>()
  let timer: NodeJS.Timeout | undefined
  const lately = (): void => {
    tell(`${leftOpenMs / 1000} s after its last test this process is still kept alive by`, describeOpen())
    process.exit(LEFT_OPEN_CODE)
  }
  process.on('beforeExit', () => running.size === 0 && writeFileSync(stateFile, 'idle'))
  process.on('exit', (code) => writeFileSync(stateFile, `exit ${code}`))
  process.on(TELL_SIGNAL, () => {
    tell('not ended are the tests', [...running.values()])
    tell('open are', describeOpen())
  })
  return {
    note({ type, data }) {
      if (type === 'test:enqueue') running.set(keyOf(data), data.name ?? '')
      else if (type === 'test:complete') running.delete(keyOf(data))
      else return
      clearTimeout(timer)
      if (running.size > 0) rmSync(stateFile, { force: true })
      else timer = setTimeout(lately, leftOpenMs).unref()
    },
  }
}

/** Two tests of one name and one place, of a loop, are told apart by their number only. */
function keyOf({ testId, nesting, file, line, column, name }: WatchedEvent['data']): string {
  return testId === undefined ? [nesting, file, line, column, name].join(':') : String(testId)
}

/** At once, whatever becomes of the process. */
function tell(what: string, lines: readonly string[]): void {
  const shown = lines.length > 0 ? lines : ['nothing']
  writeSync(2, `${what}:\n${shown.map((line) => `  ${line}\n`).join('')}`)
}
