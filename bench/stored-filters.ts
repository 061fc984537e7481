/** The filters by which `bench:store` asks for runs, of a store that `testing/stored-runs.ts` has filled with `runs` of them. */
import type { RunFilter } from '../balancer/src/ports/run-filter.ts'
import { idAt } from '../balancer/src/store/testing/stored-runs.ts'

/** Every filter that is documented, broad and narrow, and mixtures that have little or nothing in common. */
export function storedFilters(runs: number): Record<string, RunFilter> {
  const middle = Number.parseInt(String(runs / 2), 10)
  const at = (seq: number) => idAt(seq).acceptedMs
  return {
    nothing: {},
    'status completed': { status: ['completed'] },
    'status failed': { status: ['failed'] },
    'status cancelled (none)': { status: ['cancelled'] },
    'status queued (none)': { status: ['queued'] },
    function: { function: 'function-1' },
    'rare function': { function: 'rare' },
    group: { group: 'group-1' },
    worker: { worker: 'worker-3' },
    'worker, rare': { worker: 'worker-rare' },
    session: { session: 'session-5' },
    schedule: { schedule: 'schedule-1' },
    'from and to, long ago': { fromMs: at(100), toMs: at(5_000) },
    id: { q: idAt(middle).id },
    'beginning of an id': { q: idAt(middle).id.slice(0, 20) },
    'word of a function': { q: 'function' },
    'word of metadata, one run': { q: 'order4711' },
    'word of metadata, many runs': { q: 'customer' },
    'beginnings of many words': { q: 'order4' },
    'one letter': { q: 'o' },
    'one letter that few have': { q: 'z' },
    'two letters': { q: 'cu' },
    'one letter and a word': { q: 'o customer' },
    'one letter, failed': { q: 'o', status: ['failed'] },
    'word of errors': { q: 'unreachable' },
    'no such word': { q: 'nowhere' },
    'error code': { error: 'FUNCTION_FAILED' },
    'error code that none has': { error: 'WORKER_LOST' },
    'function, error code': { function: 'function-1', error: 'FUNCTION_FAILED' },
    'error code, word of metadata': { error: 'FUNCTION_FAILED', q: 'customer' },
    'function, failed': { function: 'function-1', status: ['failed'] },
    'function, worker, failed': { function: 'function-1', worker: 'worker-3', status: ['failed'] },
    'group, worker that it has not': { group: 'group-1', worker: 'worker-rare' },
    'session, failed': { session: 'session-5', status: ['failed'] },
    'failed, word of errors': { status: ['failed'], q: 'unreachable' },
    'completed, word of errors (none)': { status: ['completed'], q: 'unreachable' },
    'function, word of metadata': { function: 'function-1', q: 'customer' },
    'rare function, word of many runs': { function: 'rare', q: 'customer' },
    'failed, long ago': { status: ['failed'], fromMs: at(100), toMs: at(50_000) },
    'worker, word of many runs, long ago': { worker: 'worker-3', q: 'customer', toMs: at(middle) },
  }
}
