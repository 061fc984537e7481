/**
 * Lists of runs as NDJSON: everything that is meant, a line each, read as fast as it is taken. Asked by run-routes.ts.
 * Invariants: at most 16 are under way, whatever ends them lets the next one in; a reader who takes nothing for 30 s
 * is cut off; what waits for a reader is one page, about 1 MB of it once the length of its lines is known.
 */
import type { RunItem, RunView } from '@berth/protocol'
import type { RunFilter } from '../ports/run-filter.ts'
import type { RunsPort } from '../ports/runs.ts'
import { placeFiles } from './file-address.ts'
import { problem } from './problem.ts'

export interface RunExportOptions {
  readonly runs: Pick<RunsPort, 'list'>
  /** How many are under way at once; 16 unless given. */
  readonly limit?: number
}

/** The answer's way out, as Node has it. */
interface Connection {
  destroy(): unknown
  once(event: 'close', act: () => void): unknown
}

const LIMIT = 16
const PATIENCE_MS = 30_000
const FIRST_PAGE = 100
const LONGEST_PAGE = 500
const PAGE_BYTES = 1024 * 1024

export class RunExports {
  readonly #runs: Pick<RunsPort, 'list'>
  readonly #limit: number
  #open = 0

  constructor({ runs, limit = LIMIT }: RunExportOptions) {
    this.#runs = runs
    this.#limit = limit
  }

  /** 429 when too many are under way. */
  answer(
    filter: RunFilter,
    before: string | undefined,
    connection: Connection | undefined,
    origin = '',
  ): Response {
    if (this.#open >= this.#limit) {
      const detail = `${this.#limit} lists are being exported already. Try again when one of them has ended.`
      return problem({ code: 'RATE_LIMITED', detail, retryAfterMs: 5_000 })
    }
    this.#open++
    const lines = this.#lines(filter, before, connection, origin)
    return new Response(lines, { headers: { 'content-type': 'application/x-ndjson' } })
  }

  #lines(
    filter: RunFilter,
    before: string | undefined,
    connection: Connection | undefined,
    origin: string,
  ): ReadableStream<Uint8Array> {
    let last = before
    let count = FIRST_PAGE
    let isOpen = true
    let patience: NodeJS.Timeout | undefined
    const end = () => {
      clearTimeout(patience)
      if (isOpen) this.#open--
      isOpen = false
    }
    const cut = () => {
      end()
      connection?.destroy()
    }
    connection?.once('close', end)
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      clearTimeout(patience)
      const found = await this.#runs.list(filter, count, last)
      if (!isOpen) return
      last = found.at(-1)?.id
      const page = Buffer.from(
        found.map((run) => `${JSON.stringify(placeFiles(toItem(run), origin))}\n`).join(''),
      )
      patience = setTimeout(cut, PATIENCE_MS).unref()
      if (page.length > 0) controller.enqueue(page)
      if (found.length === count) count = nextCount(count, page.length)
      else {
        end()
        controller.close()
      }
    }
    return new ReadableStream<Uint8Array>({
      pull: (controller) =>
        pull(controller).catch((error: unknown) => {
          end()
          throw error
        }),
      cancel: end,
    })
  }
}

/** As many of that length as fit. */
function nextCount(count: number, bytes: number): number {
  return Math.max(1, Math.min(LONGEST_PAGE, Math.floor((count * PAGE_BYTES) / bytes)))
}

/** What a list leaves out. */
export function toItem({ input: _i, result: _r, attempts: _a, messages: _m, ...item }: RunView): RunItem {
  return item
}
