/**
 * The two changes of the page, applying and rolling back, each told with its counts and taken back by rolling back to
 * what was in force before. Both hold to the file that one has seen.
 */
import { useQueryClient } from '@tanstack/react-query'
import { useAction } from '../../api/use-action.ts'
import { text } from '../../text/text.ts'
import { type Applied, type ConfigFile, putFile, rollBack, type Version } from './config-data.ts'

const words = text.config

const CHANGED = [['config'], ['workers'], ['functions'], ['activity']] as const

export function useApply(file: ConfigFile, onApplied: () => void) {
  const queries = useQueryClient()
  return useAction<[string, Version | undefined, string], Applied>({
    run: async (shown, _before, reason) => {
      const applied = await putFile(shown, file.etag, reason)
      await queries.refetchQueries({ queryKey: ['config', 'file'] })
      return applied
    },
    title: (applied) => (applied.isApplied ? words.apply.done : words.apply.nothing),
    detail: countsOf,
    undo: undoTo,
    invalidates: CHANGED,
    failed: words.apply.failed,
    onDone: onApplied,
  })
}

export function useRollBack(file: ConfigFile, onDone: () => void) {
  const queries = useQueryClient()
  return useAction<[number, Version | undefined, string], Applied>({
    run: async (version, _before, reason) => {
      const applied = await rollBack(version, file.etag, reason)
      await queries.refetchQueries({ queryKey: ['config', 'file'] })
      return applied
    },
    title: (_applied, version) => words.rollback.done(version),
    detail: countsOf,
    undo: undoTo,
    invalidates: CHANGED,
    failed: words.rollback.failed,
    onDone,
  })
}

function countsOf({ added, removed, changed }: Applied): string {
  return words.apply.counts(added.length, removed.length, changed.length)
}

/** Back to what was in force before, unless somebody has changed it again. */
async function undoTo(applied: Applied, _what: unknown, before: Version | undefined): Promise<void> {
  if (before) await rollBack(before.version, applied.etag, '')
}
