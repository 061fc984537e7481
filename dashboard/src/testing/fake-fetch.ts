/** Stands in for `fetch`: answers by path, remembers what was asked. */
import { vi } from 'vitest'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly body: unknown
  readonly contentType: string | null
}

type Answer = { status: number; body?: unknown } | 'no answer' | Promise<{ status: number; body?: unknown }>

/** Answers by whole path (those without one are 404), or by a function of it. Ends with the test (`restoreMocks`). */
export function fakeFetch(
  answers: Record<string, Answer | (() => Answer)> | ((path: string) => Answer),
): Asked[] {
  const asked: Asked[] = []
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const path = String(input)
    const headers = new Headers(init?.headers)
    asked.push({
      method: init?.method ?? 'GET',
      path,
      body: typeof init?.body === 'string' ? JSON.parse(init.body) : null,
      contentType: headers.get('content-type'),
    })
    const found = typeof answers === 'function' ? answers(path) : (answers[path] ?? { status: 404 })
    const answer = await (typeof found === 'function' ? found() : found)
    if (answer === 'no answer') throw new TypeError('fetch failed')
    return new Response(JSON.stringify(answer.body ?? {}), { status: answer.status })
  })
  return asked
}

export function problem(status: number, detail: string): { status: number; body: unknown } {
  return {
    status,
    body: { type: '/problems/x', title: 'x', status, detail, code: 'X', success: false, error: detail },
  }
}
