/** One look at WORKERS_FILE, bounded as the format is. Called by `roster.ts`, again and again. */
import { LIMITS } from '@berth/protocol'
import { type FileLook, lookAtFile } from '@berth/runtime'

export type Look = FileLook

/** Never throws. `last` is the look before this one. */
export function lookAt(path: string, last?: Look): Promise<Look> {
  return lookAtFile(path, LIMITS.workersFileBytes, last)
}
