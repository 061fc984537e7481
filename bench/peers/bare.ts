/** Starts bare `node:http` servers, the limit that everything is measured against. */
import { join } from 'node:path'
import { type Stage, urlIn } from '../stage.ts'

/** The address of each. */
export async function startBare(stage: Stage, count: number): Promise<string[]> {
  const main = join(import.meta.dirname, 'bare-worker.ts')
  const urls: string[] = []
  for (let index = 0; index < count; index++) {
    const bare = await stage.start(
      { name: 'bare server', command: process.execPath, args: [main] },
      async ({ output }) => urlIn(output(), 'bare ready') !== undefined,
    )
    urls.push(urlIn(bare.output(), 'bare ready') as string)
  }
  return urls
}
