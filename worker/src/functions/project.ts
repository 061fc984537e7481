/**
 * Loads what a project folder holds: functions, ready to be run, and the files of services and tags. Called once at
 * start by `compose.ts`.
 * Invariant: whoever has several mistakes in the folder hears of all of them at once.
 */

import { messageOf } from '../attempt/result.ts'
import { findFiles, LoadError, type LoadedEach, type LoadedFile, loadEach } from './discover.ts'
import { isFunctionDefinition, type RegisteredFunction, registerFunction } from './registry.ts'

export interface Project {
  readonly functions: readonly RegisteredFunction[]
  readonly services: readonly LoadedFile[]
  readonly tags: readonly LoadedFile[]
}

/** Throws a LoadError that names every file with a mistake. */
export async function loadProject(folder: string): Promise<Project> {
  const [functions, services, tags] = await Promise.all([
    loadKind(folder, 'functions'),
    loadKind(folder, 'services'),
    loadKind(folder, 'tags'),
  ])
  const problems = [functions, services, tags].flatMap((kind) => kind.problems)
  const registered = functions.loaded.flatMap((file) => {
    const made = register(file)
    if (typeof made !== 'string') return [made]
    problems.push(made)
    return []
  })
  if (problems.length > 0) throw new LoadError(problems)
  return { functions: registered, services: services.loaded, tags: tags.loaded }
}

async function loadKind(folder: string, kind: string): Promise<LoadedEach> {
  try {
    return await loadEach(await findFiles(folder, kind))
  } catch (error) {
    if (error instanceof LoadError) return { loaded: [], problems: error.problems }
    throw error
  }
}

function register(file: LoadedFile): RegisteredFunction | string {
  const definition = file.exports.default
  try {
    if (!isFunctionDefinition(definition))
      throw new Error('its default export is no function; write "export default defineFunction({ … })"')
    return registerFunction(file.name, definition, file.path)
  } catch (error) {
    return `${file.label}: ${messageOf(error)}`
  }
}
