import { describe, expect, test } from 'vitest'
import { fakeFetch, problem } from '../testing/fake-fetch.ts'
import { checkSession, post, switchMaintenance, takeToken } from './session.ts'

describe('the token of the address', () => {
  function take(hash: string) {
    const left: string[] = []
    const token = takeToken(
      { hash, pathname: '/dashboard/workers', search: '?a=1' },
      {
        replaceState: (_state: unknown, _title: string, url?: string | URL | null) => left.push(String(url)),
      },
    )
    return { token, left }
  }

  test('is taken and removed, the rest stays', () => {
    expect(take('#token=abc_-1')).toEqual({ token: 'abc_-1', left: ['/dashboard/workers?a=1'] })
  })

  test('that is empty is removed too', () => {
    expect(take('#token=')).toEqual({ token: null, left: ['/dashboard/workers?a=1'] })
  })

  test('another fragment is left alone', () => {
    expect(take('#workers')).toEqual({ token: null, left: [] })
    expect(take('')).toEqual({ token: null, left: [] })
  })
})

describe('posts', () => {
  test('are JSON, and an id is one segment of the path', async () => {
    const asked = fakeFetch({ '/workers/10.0.0.1%3A3000%2Fa/off': { status: 200 } })
    expect(await switchMaintenance('10.0.0.1:3000/a', true)).toEqual({ ok: true })
    expect(asked[0]).toEqual({
      method: 'POST',
      path: '/workers/10.0.0.1%3A3000%2Fa/off',
      body: {},
      contentType: 'application/json',
    })
  })

  test('maintenance ends by /on', async () => {
    const asked = fakeFetch({})
    await switchMaintenance('w', false)
    expect(asked[0]?.path).toBe('/workers/w/on')
  })

  test('tell the balancer’s own sentence', async () => {
    fakeFetch({ '/x': problem(409, 'Line 3 says so.') })
    expect(await post('/x', {})).toEqual({ ok: false, status: 409, code: 'X', detail: 'Line 3 says so.' })
  })

  test('that nobody answers are an outcome', async () => {
    fakeFetch({ '/x': 'no answer' })
    expect(await post('/x', {})).toEqual({ ok: false, status: 0, code: null, detail: null })
  })
})

test('only 401 means signed out', async () => {
  for (const [answer, expected] of [
    [{ status: 200 }, 'signed-in'],
    [{ status: 401 }, 'signed-out'],
    [{ status: 503 }, 'unreachable'],
    ['no answer', 'unreachable'],
  ] as const) {
    fakeFetch({ '/me': answer })
    expect(await checkSession()).toBe(expected)
  }
})
