/**
 * What a run's files are called, for whoever shows or opens them: the handler's own, its result of bytes as the file
 * `result`, and what was sent along. Invariant: each path is there once; what the handler wrote goes before the rest.
 */
import { encodeFilePath } from '@berth/protocol'
import type { FilesOfRun, RunFile, StoredFile } from './files.ts'

export const RESULT_PATH = 'result'

export interface ShownFile extends RunFile {
  /** Undefined for the run's result. */
  readonly stored: StoredFile | undefined
}

/** By path. */
export function shownFiles({ files, result }: Pick<FilesOfRun, 'files' | 'result'>): ShownFile[] {
  const shown = new Map<string, ShownFile>()
  const add = (file: ShownFile) => {
    if (!shown.has(file.path)) shown.set(file.path, file)
  }
  for (const stored of files) if (stored.fence !== 0) add(toShown(stored))
  if (result) add({ path: RESULT_PATH, ...result, origin: 'run', stored: undefined })
  for (const stored of files) if (stored.fence === 0) add(toShown(stored))
  return [...shown.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Without its origin. */
export function fileAddress(run: string, path: string): string {
  return `/runs/${run}/files/${encodeFilePath(path)}`
}

function toShown(stored: StoredFile): ShownFile {
  const { path, mediaType, size, fence } = stored
  return { path, mediaType, size, origin: fence === 0 ? 'upload' : 'run', stored }
}
