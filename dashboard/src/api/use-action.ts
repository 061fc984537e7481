/**
 * One change to the fleet by hand: runs it once at a time, tells the outcome in a notice (10 s, with Undo
 * when there is one), and reads again what it has changed. A failure stays until it is closed and carries
 * what somebody needs to ask for help: code, detail, request id.
 */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef } from 'react'
import { type Toast, useToasts } from '../kit/toasts.tsx'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { ApiError } from './client.ts'
import type { ReadKey } from './query.ts'

export interface ActionOptions<Args extends readonly unknown[], Result> {
  run(...args: Args): Promise<Result>
  /** The notice of success; null shows none. */
  readonly title: string | ((result: Result, ...args: Args) => string | null)
  /** A second line of it. */
  detail?(result: Result, ...args: Args): string | undefined
  /** Takes the change back; absent when that cannot be. */
  undo?(result: Result, ...args: Args): Promise<unknown>
  /** Keys whose reads are old now; a function when they depend on what was done. */
  readonly invalidates?: readonly ReadKey[] | ((...args: Args) => readonly ReadKey[])
  /** The notice of failure; default is general. */
  readonly failed?: string | ((...args: Args) => string)
  onDone?(result: Result, ...args: Args): void
}

export interface Action<Args extends readonly unknown[], Result> {
  /** Answers the result, or undefined when it failed (which was said). */
  start(...args: Args): Promise<Result | undefined>
  readonly isPending: boolean
}

export function useAction<Args extends readonly unknown[], Result>(
  options: ActionOptions<Args, Result>,
): Action<Args, Result> {
  const showToast = useToasts()
  const queries = useQueryClient()
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const readAgain = useCallback(
    (args: Args) => {
      const { invalidates = [] } = latest.current
      const keys = typeof invalidates === 'function' ? invalidates(...args) : invalidates
      for (const queryKey of keys) void queries.invalidateQueries({ queryKey })
    },
    [queries],
  )
  const { mutateAsync, isPending } = useMutation<Result, Error, Args>({
    mutationFn: (args) => latest.current.run(...args),
  })
  const start = useCallback(
    async (...args: Args): Promise<Result | undefined> => {
      const { title, detail, undo, failed, onDone } = latest.current
      try {
        const result = await mutateAsync(args)
        readAgain(args)
        const words = typeof title === 'function' ? title(result, ...args) : title
        if (words !== null) {
          const takeBack = undo && {
            label: text.kit.undo,
            run: () =>
              void undoIt(
                () => undo(result, ...args),
                showToast,
                () => readAgain(args),
              ),
          }
          showToast({ tone: 'ok', title: words, detail: detail?.(result, ...args), action: takeBack })
        }
        onDone?.(result, ...args)
        return result
      } catch (error) {
        readAgain(args)
        showToast(failureToast(typeof failed === 'function' ? failed(...args) : failed, error))
        return undefined
      }
    },
    [mutateAsync, readAgain, showToast],
  )
  return { start, isPending }
}

async function undoIt(
  run: () => Promise<unknown>,
  showToast: (toast: Toast) => void,
  onDone: () => void,
): Promise<void> {
  try {
    await run()
    showToast({ tone: 'ok', title: text.kit.undone })
  } catch (error) {
    showToast(failureToast(text.kit.undoFailed, error))
  }
  onDone()
}

/** A notice that stays: what failed, the balancer's sentence, code and request id, and a way to copy them. */
export function failureToast(title: string | undefined, error: unknown): Toast {
  const words = wordsOfError(error)
  return {
    tone: 'bad',
    title: title ?? text.kit.actionFailed,
    detail: words.detail,
    code: words.code,
    copy: detailsOfError(error),
    isSticky: true,
  }
}

/** The balancer's sentence, and `code · request id` in small. */
export function wordsOfError(error: unknown): { detail: string; code?: string } {
  if (!(error instanceof ApiError)) {
    return { detail: error instanceof Error ? visible(error.message) : visible(String(error)) }
  }
  if (error.status === 0) return { detail: text.kit.noAnswer }
  const detail = error.detail ? visible(error.detail) : text.kit.refused(error.status)
  const fields = error.errors.map((one) => [one.pointer, one.detail].filter(Boolean).join(': '))
  const code = [error.code, error.requestId && text.kit.requestId(error.requestId)]
    .filter(Boolean)
    .join(' · ')
  return { detail: [detail, ...fields.map(visible)].join('\n'), code: code || undefined }
}

/** Plain text for a report. */
export function detailsOfError(error: unknown): string {
  if (!(error instanceof ApiError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  const { status, code, detail, requestId, errors } = error
  return JSON.stringify({ status, code, detail, requestId, errors, page: window.location.href }, null, 2)
}
