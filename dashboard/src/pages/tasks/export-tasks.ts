/** All tasks of a filter as a file, a line each. Bounded: what does not fit a browser goes by curl. */
import type { TaskFilter } from './task-query.ts'

const MAX_LINES = 100_000

export interface Exported {
  readonly lines: number
  /** There were more. */
  readonly isCut: boolean
}

export async function exportTasks(
  filter: TaskFilter,
  signal: AbortSignal,
  onLines: (lines: number) => void,
): Promise<Exported> {
  const search = new URLSearchParams(Object.entries(filter))
  const answer = await fetch(`/runs?${search}`, {
    headers: { accept: 'application/x-ndjson' },
    credentials: 'same-origin',
    signal,
  })
  if (!answer.ok || !answer.body) throw new Error(`${answer.status} ${answer.statusText}`)
  const parts: Uint8Array<ArrayBuffer>[] = []
  const reader = answer.body.getReader()
  let lines = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    const taken = takeLines(value, MAX_LINES - lines)
    parts.push(taken.bytes)
    lines += taken.lines
    onLines(lines)
    if (lines < MAX_LINES) continue
    await reader.cancel()
    break
  }
  save(new Blob(parts, { type: 'application/x-ndjson' }))
  return { lines, isCut: lines >= MAX_LINES }
}

/** Up to so many lines of a piece. */
function takeLines(piece: Uint8Array, atMost: number): { bytes: Uint8Array<ArrayBuffer>; lines: number } {
  let lines = 0
  for (let at = 0; at < piece.length; at++) {
    if (piece[at] !== 10) continue
    lines += 1
    if (lines === atMost) return { bytes: new Uint8Array(piece.subarray(0, at + 1)), lines }
  }
  return { bytes: new Uint8Array(piece), lines }
}

function save(blob: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = `tasks-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.ndjson`
  link.click()
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
