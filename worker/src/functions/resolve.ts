/**
 * Lets a project folder lie anywhere: `@berth/worker` and `zod` resolve to the running worker's own when the
 * folder has none. Registered once, before the first user file is loaded.
 * Invariant: what a folder has installed itself always wins.
 */
import { registerHooks } from 'node:module'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'

const OWN = /^(?:@berth\/worker|zod)(?:\/.*)?$/

/** Returns what ends it. `folder` is the project; its `.ts` files are modules whatever lies around them. */
export function resolveOwnPackages(folder: string): () => void {
  const inside = pathToFileURL(join(folder, sep)).href
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = OWN.test(specifier) ? resolveOwn(specifier, context, nextResolve) : undefined
      const result = resolved ?? nextResolve(specifier, context)
      // Without a package.json Node would guess the format of each file, and print a warning for it.
      if (result.format == null && result.url.startsWith(inside) && /\.m?ts$/.test(result.url))
        return { ...result, format: 'module-typescript' }
      return result
    },
  })
  return () => hooks.deregister()
}

type Resolve = Parameters<NonNullable<Parameters<typeof registerHooks>[0]['resolve']>>

function resolveOwn(specifier: string, context: Resolve[1], nextResolve: Resolve[2]) {
  try {
    return nextResolve(specifier, context)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error
    return nextResolve(specifier, { ...context, parentURL: import.meta.url })
  }
}
