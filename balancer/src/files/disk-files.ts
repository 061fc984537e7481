/**
 * The files of runs in a folder of DATA_DIR: what comes in lies in `incoming/`, what is kept in one of 256 folders by
 * the first two digits of its name. Made by compose, used by the rest of this folder through `FileStoragePort`.
 * Invariants: no name or path from outside reaches the file system; nothing is followed that is no plain file; what
 * has finished survives a power cut, in either place.
 */
import { constants } from 'node:fs'
import {
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  rename,
  statfs,
  unlink,
} from 'node:fs/promises'
import { join } from 'node:path'
import type { FileBytes, FileSink, FileStoragePort } from '../ports/files.ts'

const NAME = /^[0-9a-f]{32}$/
const INCOMING = 'incoming'
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY, COPYFILE_EXCL, COPYFILE_FICLONE } = constants
const FRESH = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW

export class DiskFiles implements FileStoragePort {
  readonly #folder: string

  /** Made when the first file comes. */
  constructor(folder: string) {
    this.#folder = folder
  }

  async create(name: string): Promise<FileSink> {
    const path = this.#incoming(name)
    const file = await this.#orMakeFolder(INCOMING, () => open(path, FRESH, 0o600))
    return new DiskSink(file, path, () => this.#syncIncoming())
  }

  async keep(name: string): Promise<void> {
    const move = () => rename(this.#incoming(name), this.#kept(name))
    try {
      await move()
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      // Either its folder is missing, or it is there already.
      await this.#makeFolder(folderOf(name))
      await move().catch(unlessMissing)
    }
  }

  async open(name: string): Promise<FileBytes | undefined> {
    // It may move from the second place to the first meanwhile.
    for (const path of [this.#kept(name), this.#incoming(name), this.#kept(name)]) {
      const file = await open(path, O_RDONLY | O_NOFOLLOW).catch(unlessMissing)
      if (!file) continue
      const bytes = await bytesOf(file)
      if (bytes) return bytes
    }
    return undefined
  }

  async copy(from: string, to: string): Promise<boolean> {
    const target = this.#incoming(to)
    for (const source of [this.#kept(from), this.#incoming(from), this.#kept(from)]) {
      const isDone = await this.#orMakeFolder(INCOMING, () => linkOrCopy(source, target)).catch(unlessMissing)
      if (!isDone) continue
      await this.#syncIncoming()
      return true
    }
    return false
  }

  /** In the order in which it moves, so that it cannot slip past. */
  async remove(name: string): Promise<void> {
    await unlink(this.#incoming(name)).catch(unlessMissing)
    await unlink(this.#kept(name)).catch(unlessMissing)
  }

  async unkept(): Promise<readonly string[]> {
    const names = await readdir(join(this.#folder, INCOMING)).catch(unlessMissing)
    return (names ?? []).filter((name) => NAME.test(name))
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(join(this.#folder, '..'))
    return bavail * bsize
  }

  #incoming(name: string): string {
    return join(this.#folder, INCOMING, checked(name))
  }

  #kept(name: string): string {
    return join(this.#folder, folderOf(checked(name)), name)
  }

  async #orMakeFolder<Result>(folder: string, act: () => Promise<Result>): Promise<Result> {
    try {
      return await act()
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      await this.#makeFolder(folder)
      return act()
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    await mkdir(join(this.#folder, folder), { recursive: true, mode: 0o700 })
    await this.#sync(this.#folder)
  }

  #syncIncoming(): Promise<void> {
    return this.#sync(join(this.#folder, INCOMING))
  }

  /** A new entry of a folder is on disk with the folder. */
  async #sync(folder: string): Promise<void> {
    const handle = await open(folder, O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}

class DiskSink implements FileSink {
  readonly #file: FileHandle
  readonly #path: string
  readonly #syncFolder: () => Promise<void>
  #isOpen = true

  constructor(file: FileHandle, path: string, syncFolder: () => Promise<void>) {
    this.#file = file
    this.#path = path
    this.#syncFolder = syncFolder
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, at)
      at += bytesWritten
    }
  }

  async finish(): Promise<void> {
    await this.#file.sync()
    await this.#close()
    await this.#syncFolder()
  }

  async drop(): Promise<void> {
    await this.#close().catch(() => {})
    await unlink(this.#path).catch(() => {})
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#file.close()
  }
}

class DiskBytes implements FileBytes {
  readonly size: number
  readonly #file: FileHandle
  #isOpen = true

  constructor(file: FileHandle, size: number) {
    this.#file = file
    this.size = size
  }

  async read(from: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafe(length)
    const { bytesRead } = await this.#file.read(buffer, 0, length, from)
    return buffer.subarray(0, bytesRead)
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#file.close()
  }
}

/** Closes what is no plain file, or cannot be looked at. */
async function bytesOf(file: FileHandle): Promise<DiskBytes | undefined> {
  let bytes: DiskBytes | undefined
  try {
    const stat = await file.stat()
    if (stat.isFile()) bytes = new DiskBytes(file, stat.size)
    return bytes
  } finally {
    if (!bytes) await file.close()
  }
}

async function linkOrCopy(source: string, target: string): Promise<true> {
  try {
    await link(source, target)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EEXIST') throw error
    // A file system without links.
    await copyFile(source, target, COPYFILE_EXCL | COPYFILE_FICLONE)
  }
  return true
}

function folderOf(name: string): string {
  return name.slice(0, 2)
}

function checked(name: string): string {
  if (!NAME.test(name)) throw new TypeError('that is no name of a file of runs')
  return name
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}

/** ELOOP: somebody has put a link in its place. */
function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ELOOP') throw error
}
