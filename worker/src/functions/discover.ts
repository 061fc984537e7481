/**
 * Finds the files of a project folder and loads them: `functions/images/resize.ts` is `images.resize`,
 * `services/x.ts` and `tags/x.ts` are named after their file. Called once at start by `compose.ts`.
 * Invariant: a file that does not load stops the start, with its name, the reason and the cure; a worker never
 * runs without one of its functions.
 */
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isName, NAME_RULE } from '@berth/protocol'
import { messageOf } from '../attempt/result.ts'

export interface ProjectFile {
  readonly name: string
  readonly path: string
  /** Relative to the project folder, for messages. */
  readonly label: string
}

export interface LoadedFile extends ProjectFile {
  readonly exports: Readonly<Record<string, unknown>>
}

/** One line each: file and reason. */
export class LoadError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'LoadError'
    this.problems = problems
  }
}

const SOURCE = /\.(?:ts|mts|js|mjs)$/
const NO_SOURCE = /\.(?:test|spec|d)\.m?[jt]s$/
const LOAD_LIMIT_MS = 30_000

/** The source files below `folder/kind`, sorted by name; none when there is no such folder. */
export async function findFiles(folder: string, kind: string): Promise<ProjectFile[]> {
  const paths: string[] = []
  await walk(join(folder, kind), paths, new Set())
  const files = paths.map((path) => {
    const parts = relative(join(folder, kind), path).replace(SOURCE, '').split(/[\\/]/)
    return { name: parts.join('.'), path, label: relative(folder, path) }
  })
  files.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const problems = files.flatMap((file, index) => nameProblem(file, files[index - 1]))
  if (problems.length > 0) throw new LoadError(problems)
  return files
}

async function walk(dir: string, found: string[], seen: Set<string>): Promise<void> {
  const entries = await listFolder(dir)
  if (!entries) return
  const real = await realpath(dir)
  // A link that leads back into its own folder would never end.
  if (seen.has(real)) return
  seen.add(real)
  for (const name of entries) {
    if (/^[._]/.test(name) || name === 'node_modules') continue
    const path = join(dir, name)
    const info = await stat(path)
    if (info.isDirectory()) await walk(path, found, seen)
    else if (info.isFile() && SOURCE.test(name) && !NO_SOURCE.test(name)) found.push(path)
  }
}

async function listFolder(dir: string): Promise<string[] | undefined> {
  try {
    return await readdir(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new LoadError([`${dir}: cannot be read: ${messageOf(error)}`])
  }
}

function nameProblem(file: ProjectFile, before: ProjectFile | undefined): string[] {
  if (!isName(file.name)) return [`${file.label}: "${file.name}" is no valid name; use ${NAME_RULE}`]
  if (before?.name !== file.name) return []
  return [`${file.label}: has the same name as ${before.label} ("${file.name}"); rename one of them`]
}

export interface LoadedEach {
  readonly loaded: LoadedFile[]
  /** One line a file that does not load. */
  readonly problems: readonly string[]
}

export async function loadEach(files: readonly ProjectFile[]): Promise<LoadedEach> {
  const results = await Promise.all(files.map(loadFile))
  return {
    loaded: results.filter((result) => typeof result !== 'string'),
    problems: results.filter((result) => typeof result === 'string'),
  }
}

/** Loads all files; when some fail, the error names every one of them. */
export async function loadFiles(files: readonly ProjectFile[]): Promise<LoadedFile[]> {
  const { loaded, problems } = await loadEach(files)
  if (problems.length > 0) throw new LoadError(problems)
  return loaded
}

async function loadFile(file: ProjectFile): Promise<LoadedFile | string> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new Error(`its top level did not finish within ${LOAD_LIMIT_MS} ms`)),
    LOAD_LIMIT_MS,
  )
  try {
    const loading = import(pathToFileURL(file.path).href) as Promise<Record<string, unknown>>
    return { ...file, exports: await Promise.race([loading, late.promise]) }
  } catch (error) {
    return `${file.label}: ${explainLoadError(error)}`
  } finally {
    clearTimeout(timer)
  }
}

/** The reason in one line, with the cure where it is known. */
export function explainLoadError(error: unknown): string {
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { code?: string }
  const message = messageOf(error).replace(/\s+/g, ' ').trim().slice(0, 1000)
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' || /strip-only mode|enum/i.test(message))
    return `${message}. Only erasable TypeScript runs: instead of an enum write a union of literals or an object with "as const", and no namespaces or parameter properties`
  if (/does not provide an export named/.test(message))
    return `${message}. If it is a type, import it with "import type"`
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND')
    return `${message}. Install the package in the project folder, or write the file's full name with its extension`
  return message
}
