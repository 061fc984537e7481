/**
 * Reads every TypeScript source of the repository with its imports and each package's dependencies.
 * Called by the boundary check. Relative imports, and workspace packages through their `exports`, are
 * resolved to paths from the root.
 */
import { glob, readFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { type Import, readImports } from './imports.ts'

/** `target` is the path from the root of what a relative import or a workspace package names. */
export type FoundImport = Import & { target: string | undefined }

export type SourceFile = { path: string; imports: FoundImport[] }

export type Package = {
  folder: string
  name: string
  dependencies: ReadonlySet<string>
  devDependencies: ReadonlySet<string>
  /** The file that `import '<name>'` loads, from the root. */
  entry: string | undefined
}

export type Sources = { files: SourceFile[]; packages: Package[] }

type Manifest = {
  name?: string
  exports?: Record<string, unknown>
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

const SKIPPED = ['**/node_modules/**', '**/dist/**', '**/.berth/**']

export async function readSources(root: string): Promise<Sources> {
  const manifests = await findPaths(root, '{*,examples/*}/package.json')
  const packages = await Promise.all(manifests.map((path) => readPackage(root, path)))
  const paths = await findPaths(root, '**/*.{ts,tsx}')
  const files = await Promise.all(
    paths.map(async (path) => {
      const imports = readImports(path, await readFile(join(root, path), 'utf8'))
      return {
        path,
        imports: imports.map((found) => ({ ...found, target: resolve(path, found, packages) })),
      }
    }),
  )
  return { files, packages }
}

/** The innermost package that holds the path. */
export function packageOf(packages: readonly Package[], path: string): Package | undefined {
  return packages.find(({ folder }) => path.startsWith(`${folder}/`))
}

function resolve(path: string, { specifier }: Import, packages: readonly Package[]): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier)
  return packages.find(({ name }) => name === specifier)?.entry
}

async function readPackage(root: string, path: string): Promise<Package> {
  const manifest = JSON.parse(await readFile(join(root, path), 'utf8')) as Manifest
  const entry = manifest.exports?.['.']
  const folder = dirname(path)
  return {
    folder,
    name: manifest.name ?? folder,
    dependencies: new Set(Object.keys(manifest.dependencies ?? {})),
    devDependencies: new Set(Object.keys(manifest.devDependencies ?? {})),
    entry: typeof entry === 'string' ? posix.join(folder, entry) : undefined,
  }
}

async function findPaths(root: string, pattern: string): Promise<string[]> {
  const found = await Array.fromAsync(glob(pattern, { cwd: root, exclude: SKIPPED }))
  return found.map((path) => path.replaceAll('\\', '/')).sort()
}
