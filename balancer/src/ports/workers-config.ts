/**
 * WORKERS_FILE as an operator reads and changes it by HTTP (CONTRACT §4, Fleet). Implemented by `fleet/config`,
 * used by `http/`. No text that leaves here holds a key: it stands as "***".
 */
import type { TaskError, WorkersFileFault } from '@berth/protocol'

/** Who asks for a change, and why. */
export interface ChangeAuthor {
  readonly by: string
  readonly reason: string | null
}

/** What must be true of the file before it is replaced: the values of the headers, as they came. */
export interface ConfigCondition {
  readonly ifMatch?: string | undefined
  /** Only `*`: there must be no file. */
  readonly ifNoneMatch?: string | undefined
}

export interface ConfigText {
  readonly text: string
  readonly etag: string
}

export type ConfigResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: TaskError; readonly etag?: string | undefined }

/** How two lists differ. Workers are told apart by their ids. */
export interface ConfigDifference {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** `fields` as in the file: `url`, `key`, `weight`, `maintenance`, `group`, `tags`, `start`. */
  readonly changed: readonly { readonly id: string; readonly fields: readonly string[] }[]
}

/** What a list would do to the fleet as it is now. */
export interface ConfigImpact {
  /** Of workers that are removed, set into maintenance or reached elsewhere. */
  readonly slotsLost: number
  /** 0 to 1, of all slots in service. */
  readonly slotsLostShare: number
  /** Tasks that run on those workers. */
  readonly running: number
  /** Served now, and by nobody in service afterwards. */
  readonly functionsLeft: readonly {
    readonly group: string
    readonly contract: number
    readonly name: string
  }[]
}

export interface ConfigPreview extends ConfigDifference, ConfigImpact {
  readonly ok: boolean
  readonly errors: readonly ConfigFault[]
  readonly workers: number
  readonly warnings: readonly string[]
}

export type ConfigFault = Pick<WorkersFileFault, 'line' | 'column' | 'pointer'> & { readonly detail: string }

export type ConfigAction = 'start' | 'change' | 'rollback'

/** One list that was in force. */
export interface ConfigVersion {
  readonly version: number
  readonly at: string
  /** Who, as the log names them; `file` for a change by hand. */
  readonly who: string
  readonly reason: string | null
  readonly action: ConfigAction
  /** The version that was rolled back to. */
  readonly of: number | null
  readonly workers: number
  readonly added: number
  readonly removed: number
  readonly changed: number
  /** Of the text, for whoever compares versions. */
  readonly hash: string
  /** Of the text, for the bound. */
  readonly bytes: number
}

export interface ConfigReads {
  /** Keys masked; null for a version that is not kept. */
  configText(version: number): Promise<string | null>
}

/** Kept of the history: so many versions, and so much of their texts; the newest whatever its size. */
export const CONFIG_HISTORY = { versions: 200, bytes: 64 * 1024 * 1024 } as const

/** Those of `versions`, the newest first, that the bounds leave. */
export function withinHistory<Version extends Pick<ConfigVersion, 'bytes'>>(
  versions: readonly Version[],
): readonly Version[] {
  let bytes = 0
  const tooMany = versions.findIndex((version, at) => {
    bytes += version.bytes
    return at > 0 && (at >= CONFIG_HISTORY.versions || bytes > CONFIG_HISTORY.bytes)
  })
  return tooMany < 0 ? versions : versions.slice(0, tooMany)
}

export interface ConfigApplied extends ConfigDifference {
  /** Null when nothing has changed, or the history could not be written. */
  readonly version: number | null
  readonly isApplied: boolean
  readonly workers: number
  readonly warnings: readonly string[]
  readonly etag: string
}

export interface ConfigFileState {
  readonly file: string
  /** Null while there is none, or none that can be read. */
  readonly etag: string | null
  readonly isWritable: boolean
  /** Why it is not. */
  readonly readOnlyReason: string | null
  /** Of the list in force; null before the first good file. */
  readonly version: number | null
}

export type ConfigDraft = { readonly text: string } | { readonly version: number }

export interface WorkersConfigPort {
  read(): Promise<ConfigResult<ConfigText>>
  state(): Promise<ConfigFileState>
  /** Changes nothing: says what `write` or `rollBack` would do. */
  preview(draft: ConfigDraft): Promise<ConfigResult<ConfigPreview>>
  write(text: string, condition: ConfigCondition, author: ChangeAuthor): Promise<ConfigResult<ConfigApplied>>
  rollBack(
    version: number,
    condition: ConfigCondition,
    author: ChangeAuthor,
  ): Promise<ConfigResult<ConfigApplied>>
  /** The newest first. */
  versions(): readonly ConfigVersion[]
  textOf(version: number): Promise<string | undefined>
}
