/**
 * A reporter for Node's test runner that writes one JSON line a finished test, for the runner to add up.
 * Loaded by `node --test-reporter`; suites are not counted, and the lines are there even when the process
 * that ran the tests is killed later. It also feeds end-watch.ts, which sees to it that the process ends.
 */
import { LEFT_OPEN_MS, LEFT_OPEN_VARIABLE, STATE_VARIABLE, type WatchedEvent, watchEnd } from './end-watch.ts'

// As it is loaded, which is before the first test begins.
const { [STATE_VARIABLE]: stateFile, [LEFT_OPEN_VARIABLE]: leftOpenMs = LEFT_OPEN_MS } = process.env
const watch = watchEnd(stateFile, Number(leftOpenMs))

export type Outcome = 'passed' | 'failed' | 'skipped'

export type CountLine = { outcome: Outcome; name: string }

type TestEvent = WatchedEvent & {
  data: { skip?: string | boolean; todo?: string | boolean; details?: { type?: string } }
}

export default async function* countTests(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    watch.note(event)
    const outcome = outcomeOf(event)
    if (outcome) yield `${JSON.stringify({ outcome, name: event.data.name ?? '' } satisfies CountLine)}\n`
  }
}

/** A test marked `todo` counts as skipped whatever it did; a failing suite is counted through its tests. */
export function outcomeOf({ type, data }: TestEvent): Outcome | undefined {
  if (type !== 'test:pass' && type !== 'test:fail') return undefined
  if (data.details?.type === 'suite') return undefined
  if (isMarked(data.skip) || isMarked(data.todo)) return 'skipped'
  return type === 'test:pass' ? 'passed' : 'failed'
}

function isMarked(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false
}
