/** What of files is refused, in words that name the setting. Pure; used by `run-files.ts` and `uploads.ts`. */
import { isMediaType, readFilePath, type TaskError } from '@berth/protocol'

/** CONTRACT §2; bytes. */
export interface FileTerms {
  readonly fileLimitBytes: number
  readonly runFilesLimitBytes: number
}

/** Files of one attempt, so that a run can be listed in one piece. */
export const MOST_FILES = 1_000

/** A file of that size, beside what the attempt or the upload has already. */
export function refuseSize(
  terms: FileTerms,
  path: string,
  size: number,
  besideBytes: number,
): TaskError | undefined {
  const { fileLimitBytes, runFilesLimitBytes } = terms
  if (size > fileLimitBytes)
    return tooLarge(`The file "${path}" is over ${fileLimitBytes} bytes (FILE_LIMIT).`)
  if (besideBytes + size > runFilesLimitBytes)
    return tooLarge(
      `With the file "${path}" the files of the run are over ${runFilesLimitBytes} bytes (RUN_FILES_LIMIT).`,
    )
  return undefined
}

export function tooLarge(detail: string): TaskError {
  return { code: 'PAYLOAD_TOO_LARGE', detail }
}

/** A path and a media type that came from outside. */
export function refuseNames(path: string, mediaType: string): TaskError | undefined {
  const read = readFilePath(path)
  if (!read.ok) return { code: 'INVALID_REQUEST', detail: `The path of a file ${read.detail}.` }
  if (read.path !== path)
    return { code: 'INVALID_REQUEST', detail: 'The path of a file must be composed (NFC).' }
  if (isMediaType(mediaType)) return undefined
  return { code: 'INVALID_REQUEST', detail: `The file "${path}" has a media type that is none.` }
}

/** The disk did not take it, or the store, which says why. */
export function unwritten(path: string, error: unknown): TaskError {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  const said = typeof error === 'string' ? error : (code ?? 'the disk does not take it')
  const why = code === 'ENOSPC' ? 'the disk is full' : said
  return {
    code: 'STORE_UNAVAILABLE',
    detail: `The file "${path}" could not be written at the balancer: ${why}. Make room in DATA_DIR, and try again.`,
    retryAfterMs: 10_000,
  }
}
