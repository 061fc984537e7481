/**
 * A project folder for tests, in the system's temporary folder: outside of the repository and without
 * node_modules, as a user's may be. Not part of the product.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface TestFolder extends Disposable {
  readonly path: string
  write(name: string, text: string): void
}

export function makeFolder(files: Readonly<Record<string, string>> = {}): TestFolder {
  const path = mkdtempSync(join(tmpdir(), 'berth-worker-'))
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  for (const [name, text] of Object.entries(files)) write(name, text)
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
