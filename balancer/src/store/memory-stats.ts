/** Series over time in the store without a disk: the same rows and order as stats-tables.ts. */
import type { StatsReads, StatsWrite, StoredBlock } from '../ports/stats.ts'

type Place = Pick<StoredBlock, 'series' | 'stepS' | 'startS'>

export class MemoryStats {
  readonly #blocks = new Map<string, StoredBlock>()

  write(write: StatsWrite): void {
    if (write.kind === 'stats-block') {
      const { series, stepS, startS, base64 } = write
      const bytes = new Uint8Array(Buffer.from(base64, 'base64'))
      this.#blocks.set(JSON.stringify([series, stepS, startS]), { series, stepS, startS, bytes })
      return
    }
    const { prefix, stepS, beforeS, fromS } = write
    for (const [key, block] of this.#blocks) {
      if (block.stepS !== stepS || !block.series.startsWith(prefix)) continue
      if ((beforeS !== null && block.startS < beforeS) || (fromS !== null && block.startS >= fromS))
        this.#blocks.delete(key)
    }
  }

  read(...[after, limit]: Parameters<StatsReads['statsBlocks']>): StoredBlock[] {
    const all = [...this.#blocks.values()].sort(compare)
    return all.filter((block) => after === null || compare(block, after) > 0).slice(0, limit)
  }
}

function compare(a: Place, b: Place): number {
  if (a.series !== b.series) return a.series < b.series ? -1 : 1
  return a.stepS - b.stepS || a.startS - b.startS
}
