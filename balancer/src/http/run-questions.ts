/**
 * What a page of the dashboard may watch of runs, as the feed asks for it: `runs?<query of GET /runs>` and `run:<id>`.
 * Made by compose. Invariant: what is watched is what GET /runs and GET /runs/{id} answer, without input and result;
 * addresses of files stand without a host.
 */
import { type RunItem, timeOfRun } from '@berth/protocol'
import type { RunsPort } from '../ports/runs.ts'
import { toItem } from './run-export.ts'
import { readRunList } from './run-query.ts'

type Question =
  | { readonly ok: true; read(): Promise<readonly Partial<RunItem>[]> }
  | { readonly ok: false; readonly detail: string }

const RUN = 'run:'
/** A page of a list, and what of it a page of the dashboard shows live. */
const MAX_WATCHED = 100

export function createRunQuestions(runs: Pick<RunsPort, 'list' | 'glance'>): (word: string) => Question {
  return (word) => (word.startsWith(RUN) ? oneRun(runs, word.slice(RUN.length)) : someRuns(runs, word))
}

function someRuns(runs: Pick<RunsPort, 'list'>, word: string): Question {
  const query = readRunList(`http://berth/${word}`)
  if (!query.ok) return { ok: false, detail: query.error.detail }
  const { filter, limit, before } = query.value
  if (limit > MAX_WATCHED) return { ok: false, detail: `At most ${MAX_WATCHED} runs of a list are watched.` }
  return { ok: true, read: async () => (await runs.list(filter, limit, before)).map(toItem) }
}

function oneRun(runs: Pick<RunsPort, 'glance'>, id: string): Question {
  if (timeOfRun(id) === undefined)
    return { ok: false, detail: 'What stands behind `run:` is no id of a run.' }
  return {
    ok: true,
    async read() {
      const run = await runs.glance(id)
      if (run === undefined) return []
      const { input: _, result: __, ...rest } = run
      return [rest]
    },
  }
}
