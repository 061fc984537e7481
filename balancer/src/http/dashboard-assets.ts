/**
 * Reads the dashboard's build once, at start, into a map from address to bytes. Nothing of a request ever
 * becomes a path of the file system. Called by compose.
 * Invariant: only regular files below the folder are in the map, links are not followed, and it is bounded.
 */
import { type Dirent, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'

export interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly mediaType: string
  /** Its name holds a hash of its content, so it never changes. */
  readonly isImmutable: boolean
}

/** By address below `/dashboard/`, such as `assets/index-Ck3xY2aB.js`. */
export type Assets = ReadonlyMap<string, Asset>

const MAX_FILES = 2000
const MAX_BYTES = 64 * 1024 * 1024

export const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
}

/** The build in `folder`; undefined when there is none. Throws when it is too large to be one. */
export function readAssets(folder: string): Assets | undefined {
  const assets = new Map<string, Asset>()
  let size = 0
  for (const path of listFiles(folder)) {
    const bytes = new Uint8Array(readFileSync(join(folder, path)))
    size += bytes.byteLength
    if (assets.size >= MAX_FILES || size > MAX_BYTES)
      throw new Error(`${folder} is no build of the dashboard: more than ${MAX_FILES} files or 64 MiB`)
    const mediaType = MEDIA_TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream'
    assets.set(path, { bytes, mediaType, isImmutable: /^assets\/.*-[\w-]{8,}\.\w+$/.test(path) })
  }
  return assets.has('index.html') ? assets : undefined
}

/** Below `folder`, with `/` between the parts. Node's own recursive listing would follow links to folders. */
function listFiles(folder: string, prefix = ''): string[] {
  return listFolder(folder).flatMap((entry) => {
    const path = `${prefix}${entry.name}`
    if (entry.isDirectory()) return listFiles(join(folder, entry.name), `${path}/`)
    return entry.isFile() ? [path] : []
  })
}

function listFolder(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
