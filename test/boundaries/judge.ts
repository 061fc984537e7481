/**
 * Judges one import against the table of areas.
 * Called by the boundary check for each import; answers the rule that it breaks, or nothing.
 */
import { builtinModules } from 'node:module'
import type { Area } from '../boundaries.ts'
import { type FoundImport, packageOf, type SourceFile, type Sources } from './sources.ts'

const UNIMPORTED = ['test', 'bench']

export function judgeImport(
  areas: readonly Area[],
  sources: Sources,
  file: SourceFile,
  found: FoundImport,
): string | undefined {
  const area = areaOf(areas, file.path)
  if (!area) return 'its folder has no place in the table of test/boundaries.ts'
  const outside = judgeUnimported(file.path, found)
  if (outside) return outside
  if (found.specifier.startsWith('.')) return judgeRelative(areas, area, file.path, found)
  if (isBuiltIn(found.specifier)) return judgeBuiltIn(area, file.path, found.specifier)
  const name = packageName(found.specifier)
  if (name.startsWith('@berth/')) return judgeWorkspace(area, file.path, name)
  return judgeLibrary(area, sources, file.path, found, name)
}

export function areaOf(areas: readonly Area[], path: string): Area | undefined {
  const holding = areas.filter(
    ({ folder, isFlat }) =>
      path.startsWith(`${folder}/`) && !(isFlat && path.slice(folder.length + 1).includes('/')),
  )
  return holding.sort((a, b) => b.folder.length - a.folder.length)[0]
}

function judgeUnimported(path: string, { target, specifier }: FoundImport): string | undefined {
  const own = path.split('/')[0]
  for (const folder of UNIMPORTED) {
    const isInside = target?.startsWith(`${folder}/`) || packageName(specifier) === `@berth/${folder}`
    if (isInside && own !== folder) return `nothing outside ${folder}/ imports from ${folder}/`
  }
  return undefined
}

function judgeRelative(
  areas: readonly Area[],
  area: Area,
  path: string,
  { target = '', isTypeOnly }: FoundImport,
): string | undefined {
  const targetArea = areaOf(areas, target)
  if (targetArea === area && isSamePackage(path, target)) return undefined
  if (area.reaches.some((reached) => isAt(target, reached))) return undefined
  if (!isSamePackage(path, target)) return 'another package is imported by its name, not by a path'
  if (isTest(path)) return undefined
  if (isTypeOnly && area.reachesTypesOf?.some((reached) => isAt(target, reached))) return undefined
  const allowed = [...area.reaches, ...(area.reachesTypesOf ?? []).map((reached) => `types of ${reached}`)]
  return `${area.folder} may reach ${allowed.join(', ') || 'only itself'}`
}

function judgeBuiltIn(area: Area, path: string, specifier: string): string | undefined {
  if (area.hasNode || isTest(path) || isOutsideSource(path)) {
    return specifier.startsWith('node:') ? undefined : `write node:${specifier}`
  }
  return `${area.folder} loads nothing of Node`
}

function judgeWorkspace(area: Area, path: string, name: string): string | undefined {
  if (isTest(path) || area.packages.includes(name)) return undefined
  const allowed = area.packages.join(', ')
  return `${area.folder} may import ${allowed ? `${allowed} of this repository` : 'no package of this repository'}`
}

function judgeLibrary(
  area: Area,
  { packages }: Sources,
  path: string,
  { isTypeOnly }: FoundImport,
  name: string,
): string | undefined {
  const own = packageOf(packages, path)
  if (!own) return 'no package.json stands for it'
  const mayUseTools = isTest(path) || isTypeOnly || isOutsideSource(path)
  if (!own.dependencies.has(name) && !(mayUseTools && isDeclaredForTools(own.devDependencies, name))) {
    return `${own.folder}/package.json does not list ${name} in its dependencies`
  }
  if (area.libraries === 'declared' || area.libraries.includes(name) || isTest(path)) return undefined
  return `${area.folder} may import ${area.libraries.join(', ') || 'no library'}`
}

function isDeclaredForTools(names: ReadonlySet<string>, name: string): boolean {
  return names.has(name) || names.has(`@types/${name}`)
}

function isBuiltIn(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier)
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function isAt(target: string, reached: string): boolean {
  return reached === '' || target === reached || target.startsWith(`${reached}/`)
}

function isSamePackage(a: string, b: string): boolean {
  return packageFolder(a) === packageFolder(b)
}

function packageFolder(path: string): string {
  const [first, second] = path.split('/')
  return first === 'examples' ? `${first}/${second}` : (first ?? '')
}

/** Tests beside the source, and what only they load; the worker's `testing` is a product of its own. */
function isTest(path: string): boolean {
  if (/^(balancer|cli|dashboard)\/src\/(.+\/)?testing\//.test(path)) return true
  return /\.test\.tsx?$|\/test-[^/]+\.tsx?$|^[^/]+(\/[^/]+)?\/test\//.test(path)
}

/** Settings of tools (`vite.config.ts`) stand beside `src` and run in Node; the worker never sees them. */
function isOutsideSource(path: string): boolean {
  return !path.startsWith('examples/') && !path.includes('/src/')
}
