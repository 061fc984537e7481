/**
 * Bad disks under a balancer's store, without root: one that fails as it is told (bad-disk.c, loaded before the C
 * library) and one that is small (a tmpfs in a mount namespace of its own). Used by the tests of this folder.
 * Linux only: `whyNoBadDisk` and `whyNoSmallDisk` say what is missing elsewhere.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rename, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Place } from '../harness/berth.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'

export const NO_SPACE = 28
export const IO_ERROR = 5
export const TOO_LARGE = 27
export const READ_ONLY = 30
export const NO_QUOTA = 122

/** `write` and `sync`: before it; `synced`: behind a good one. */
export type Step = 'write' | 'sync' | 'synced'

const SOURCE = join(import.meta.dirname, 'bad-disk.c')
const HELD_LIMIT_MS = 20_000

/** Why no disk can be made to fail here; undefined when one can. */
export function whyNoBadDisk(): string | undefined {
  if (process.platform !== 'linux') return 'LD_PRELOAD is of Linux'
  const { error } = spawnSync('cc', ['--version'])
  return error ? 'there is no C compiler ("cc") here' : undefined
}

export class BadDisk {
  /** For the balancer's process. */
  readonly env: Record<string, string>
  readonly #folder: string

  private constructor(folder: string, library: string) {
    this.#folder = folder
    this.env = { LD_PRELOAD: library, BAD_DISK: folder }
  }

  /** A good one to begin with. */
  static async make(scope: Scope): Promise<BadDisk> {
    const folder = await makeFolder(scope, 'disk')
    const library = join(folder, 'bad-disk.so')
    const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl'])
    assert.equal(status, 0, String(stderr))
    return new BadDisk(folder, library)
  }

  get journalFile(): string {
    return join(this.#folder, 'journal')
  }

  /** From now on every such step fails with this error number. */
  async fail(step: 'write' | 'sync', error: number): Promise<void> {
    await this.#tell(`${step} ${error}`)
  }

  /** From now on every such step waits for `heal`. */
  async hold(step: Step): Promise<void> {
    await rm(join(this.#folder, 'held'), { force: true })
    await this.#tell(`${step} 0`)
  }

  /** Resolves when the store waits at the step. */
  async isHeld(): Promise<void> {
    await until(() => existsSync(join(this.#folder, 'held')), HELD_LIMIT_MS, 'the store waits for the disk')
  }

  async heal(): Promise<void> {
    await rm(join(this.#folder, 'fault'), { force: true })
  }

  /** In one piece, so that nobody reads half of it. */
  async #tell(text: string): Promise<void> {
    await writeFile(join(this.#folder, 'draft'), text)
    await rename(join(this.#folder, 'draft'), join(this.#folder, 'fault'))
  }
}

const UNSHARE_MOUNTS = ['unshare', process.getuid?.() === 0 ? '-m' : '-rm']

/** Why there can be no small disk here; undefined when there can. */
export function whyNoSmallDisk(): string | undefined {
  if (process.platform !== 'linux') return 'mount namespaces are of Linux'
  const [file = '', ...args] = UNSHARE_MOUNTS
  const { status, error, stderr } = spawnSync(file, [...args, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'])
  if (status === 0) return undefined
  return `"${UNSHARE_MOUNTS.join(' ')}" fails here: ${error?.message ?? String(stderr).trim()}`
}

/** Ends with its scope, with all that lies on it. */
export class SmallDisk {
  /** Of a balancer that has its folders there. */
  readonly place: Place
  /** As processes of the place see it. */
  readonly path: string
  /** As this process sees it. */
  readonly pathHere: string

  private constructor(holder: ChildProcess, path: string) {
    const { pid } = holder
    const own = process.getuid?.() === 0 ? [] : ['-U', '--preserve-credentials']
    this.path = path
    this.pathHere = `/proc/${pid}/root${path}`
    this.place = { host: '127.0.0.1', within: ['nsenter', '-t', String(pid), '-m', ...own, '--'] }
  }

  static async make(scope: Scope, sizeBytes: number, options = ''): Promise<SmallDisk> {
    const path = await makeFolder(scope, 'small-disk')
    const mount = `mount -t tmpfs -o size=${sizeBytes}${options} tmpfs "$0" && echo there && exec cat`
    const [file = '', ...args] = [...UNSHARE_MOUNTS, 'sh', '-c', mount, path]
    // Lives until its input ends, so that it cannot outlive this process.
    const holder = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    scope.after(async () => {
      holder.stdin.end()
      if (holder.exitCode === null) await once(holder, 'exit')
    })
    await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'exit').then(() => assert.fail('no tmpfs')),
    ])
    return new SmallDisk(holder, path)
  }

  /** Until no more than so many bytes are free. */
  async fill(leaveBytes = 0): Promise<void> {
    const { bavail, bsize } = await statfs(this.pathHere)
    const bytes = bavail * bsize - leaveBytes + (leaveBytes === 0 ? bsize : 0)
    try {
      await writeFile(join(this.pathHere, 'filler'), Buffer.alloc(bytes))
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
  }

  async empty(): Promise<void> {
    await rm(join(this.pathHere, 'filler'), { force: true })
  }
}
