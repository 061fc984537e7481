/** What the tests of single calls on disk share: a server, and ways to ask it. */
import assert from 'node:assert/strict'
import { serve, type Way } from './task-bench.ts'
import { KEY } from './test-bench.ts'

export async function beginCalls(t: Parameters<typeof serve>[0], way: Way) {
  const bench = await serve(t, way)
  const send = async (
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ) => {
    const init = {
      method: 'POST',
      headers: { authorization: KEY, 'content-type': 'application/json', ...headers },
      body,
      signal: signal ?? null,
    }
    const answer = await fetch(`${bench.url}${path}`, init)
    const text = await answer.text()
    const of = (name: string) => answer.headers.get(name)
    return { status: answer.status, of, text, json: asJson(text) }
  }
  const post = (fields: object, headers: Record<string, string> = {}) =>
    send('/task', JSON.stringify({ function: 'hello', ...fields }), headers)
  const only = () => {
    assert.equal(bench.durable.accepted.size, 1)
    return [...bench.durable.accepted][0] as [
      string,
      NonNullable<ReturnType<typeof bench.durable.accepted.get>>,
    ]
  }
  return { ...bench, send, post, only }
}

interface Body {
  success?: boolean
  runId?: string
  message?: string
  code?: string
  detail?: string
  result?: unknown
  errors?: { pointer: string; detail: string }[]
}

function asJson(text: string): Body {
  try {
    return JSON.parse(text) as Body
  } catch {
    return {}
  }
}
