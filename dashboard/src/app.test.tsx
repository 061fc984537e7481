import { act, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { App } from './app.tsx'
import { beginSession } from './session/begin-session.ts'
import { createFakeFeed, type FakeFeed } from './testing/fake-feed.ts'
import { fakeFetch, problem } from './testing/fake-fetch.ts'
import { snapshotMessage } from './testing/samples.ts'

// Charts have tests of their own; a page without layout cannot draw them.

const renewed = vi.fn()
beforeEach(() => renewed.mockReset())

function open(token: string | null = null): FakeFeed {
  const feed = createFakeFeed()
  window.history.replaceState(null, '', '/dashboard/workers')
  const createFeed = () => feed.client
  render(<App begun={beginSession(token, createFeed)} createFeed={createFeed} renew={renewed} />)
  return feed
}

/** The page's effects run after it shows; the socket is the last of them. */
async function say(feed: FakeFeed): Promise<void> {
  await waitFor(() => feed.socket())
  act(() => {
    feed.socket().open()
    feed.socket().say(snapshotMessage(1))
  })
}

async function typeKey(key: string): Promise<void> {
  fireEvent.change(await screen.findByLabelText('Key'), { target: { value: key } })
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }))
}

describe('signing in', () => {
  test('with a session the page shows at once, at its own address', async () => {
    fakeFetch({ '/me': { status: 200 } })
    const feed = open()
    await screen.findByRole('heading', { name: 'Workers' })
    expect(screen.getByText(/Waiting for the first word/)).toBeTruthy()
    // The address follows in an effect, which may come behind the heading.
    await waitFor(() => expect(window.location.pathname).toBe('/dashboard/workers'))
    await say(feed)
    expect(screen.getByText(/2 of 2 workers ready/)).toBeTruthy()
  })

  test('with the key, in a password field', async () => {
    const asked = fakeFetch({ '/me': { status: 401 }, '/sign-in': { status: 200, body: { ok: true } } })
    const feed = open()
    expect((await screen.findByLabelText('Key')).getAttribute('type')).toBe('password')
    await typeKey(' the-key ')
    await screen.findByRole('heading', { name: 'Workers' })
    expect(asked.find(({ path }) => path === '/sign-in')).toMatchObject({
      path: '/sign-in',
      body: { key: 'the-key' },
      contentType: 'application/json',
    })
    await waitFor(() => expect(feed.sockets).toHaveLength(1))
  })

  test.each([
    [problem(429, 'The next try is possible in 52 s.'), /Too many tries/],
    [problem(503, 'The store cannot be written.'), /refused \(503\)/],
  ])('that fails says why, in the balancer’s words too, and names the cure', async (answer, message) => {
    fakeFetch({ '/me': { status: 401 }, '/sign-in': answer })
    open()
    await typeKey('wrong')
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toMatch(message)
    expect(alert.textContent).toContain((answer.body as { detail: string }).detail)
    expect(screen.getByText('npx -y pnpm@12 berth token')).toBeTruthy()
  })

  test('with a wrong key is told in one sentence', async () => {
    fakeFetch({ '/me': { status: 401 }, '/sign-in': problem(401, 'The key or token is not valid.') })
    open()
    await typeKey('wrong')
    expect((await screen.findByRole('alert')).textContent).toBe('This key is not the right one.')
  })

  test('without a word from the balancer says so', async () => {
    fakeFetch({ '/me': { status: 401 }, '/sign-in': 'no answer' })
    open()
    await typeKey('any')
    expect((await screen.findByRole('alert')).textContent).toMatch(/did not answer/)
  })

  test('asks nothing for an empty key', async () => {
    const asked = fakeFetch({ '/me': { status: 401 } })
    open()
    await typeKey('  ')
    expect((await screen.findByRole('alert')).textContent).toContain('Enter the key first.')
    expect(asked.filter(({ path }) => path === '/sign-in')).toHaveLength(0)
  })
})

describe('the one-time token', () => {
  test('is posted before anything else is asked, once', async () => {
    const asked = fakeFetch({ '/sign-in': { status: 200 } })
    open('abc')
    await screen.findByRole('heading', { name: 'Workers' })
    expect(asked.slice(0, 1)).toEqual([
      { method: 'POST', path: '/sign-in', body: { token: 'abc' }, contentType: 'application/json' },
    ])
  })

  test('that is spent is said on the sign-in page', async () => {
    fakeFetch({ '/sign-in': problem(401, 'The token is spent.'), '/me': { status: 401 } })
    open('abc')
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toContain('no longer works')
    expect(alert.textContent).not.toContain('The token is spent.')
  })

  test('that is spent does not throw out who is signed in', async () => {
    fakeFetch({ '/sign-in': problem(401, 'The token is spent.'), '/me': { status: 200 } })
    open('abc')
    await screen.findByRole('heading', { name: 'Workers' })
  })
})

function arrive(hash: string): void {
  window.history.replaceState(null, '', `/dashboard/workers?q=a${hash}`)
  fireEvent(window, new Event('hashchange'))
}

describe('a token that comes while somebody is signed in', () => {
  test('leaves the address, and the page is loaded again with what it gives', async () => {
    const asked = fakeFetch({ '/me': { status: 200 }, '/sign-in': { status: 200 } })
    open()
    await screen.findByRole('heading', { name: 'Workers' })
    arrive('#token=fresh')
    expect(window.location.href).toMatch(/\/dashboard\/workers\?q=a$/)
    await waitFor(() => expect(renewed).toHaveBeenCalledOnce())
    expect(asked.filter(({ path }) => path === '/sign-in').map(({ body }) => body)).toEqual([
      { token: 'fresh' },
    ])
  })

  test('is told when it is refused, and the session stays', async () => {
    fakeFetch({ '/me': { status: 200 }, '/sign-in': problem(401, 'The token is spent.') })
    open()
    await screen.findByRole('heading', { name: 'Workers' })
    arrive('#token=spent')
    await screen.findByText(/no longer works/)
    expect(window.location.href).toMatch(/\/dashboard\/workers\?q=a$/)
    expect(screen.getByRole('heading', { name: 'Workers' })).toBeTruthy()
    expect(renewed).not.toHaveBeenCalled()
  })
})

describe('a token that comes while the sign-in page stands', () => {
  test('leaves the address and signs in', async () => {
    const asked = fakeFetch({ '/me': { status: 401 }, '/sign-in': { status: 200 } })
    open()
    await screen.findByLabelText('Key')
    arrive('#token=fresh')
    expect(window.location.href).toMatch(/\/dashboard\/workers\?q=a$/)
    await screen.findByRole('heading', { name: 'Workers' })
    expect(asked.filter(({ path }) => path === '/sign-in').map(({ body }) => body)).toEqual([
      { token: 'fresh' },
    ])
  })

  test('is told as a token when it is refused; another hash asks nothing', async () => {
    const asked = fakeFetch({ '/me': { status: 401 }, '/sign-in': problem(401, 'The token is spent.') })
    open()
    await screen.findByLabelText('Key')
    arrive('#part')
    expect(asked.filter(({ path }) => path === '/sign-in')).toHaveLength(0)
    arrive('#token=spent')
    expect((await screen.findByRole('alert')).textContent).toContain('no longer works')
  })
})

describe('the end of a session', () => {
  test('by the balancer leads to the sign-in page, with the reason', async () => {
    fakeFetch({ '/me': { status: 200 } })
    const feed = open()
    await screen.findByRole('heading', { name: 'Workers' })
    await say(feed)
    act(() => feed.socket().end(4401))
    expect((await screen.findByRole('alert')).textContent).toContain('The session has ended.')
  })

  test('by the operator posts JSON and closes the feed', async () => {
    const asked = fakeFetch({ '/me': { status: 200 }, '/sign-out': { status: 200 } })
    const feed = open()
    await screen.findByRole('heading', { name: 'Workers' })
    await say(feed)
    fireEvent.click(screen.getByRole('button', { name: /Operator/ }))
    fireEvent.click(await screen.findByRole('button', { name: 'Sign out' }))
    await screen.findByLabelText('Key')
    expect(asked.find(({ path }) => path === '/sign-out')).toMatchObject({
      path: '/sign-out',
      body: {},
      contentType: 'application/json',
    })
    // An effect closes it, behind the page that shows.
    await waitFor(() => expect(feed.socket().isClosed).toBe(true))
  })
})

test('a break shows a banner with a countdown, and Retry now tries at once', async () => {
  fakeFetch({ '/me': { status: 200 } })
  const feed = open()
  await screen.findByRole('heading', { name: 'Workers' })
  await say(feed)
  act(() => feed.socket().end())
  expect(screen.getByText('Disconnected. Trying again in 1 s')).toBeTruthy()
  expect(screen.getByRole('switch', { name: 'Maintenance worker-1' }).getAttribute('aria-disabled')).toBe(
    'true',
  )
  fireEvent.click(screen.getByRole('button', { name: 'Retry now' }))
  expect(feed.sockets).toHaveLength(2)
  expect(feed.socket().since).toBe(1)
})

test('keys: ? opens the help, t turns the theme, both can be switched off', async () => {
  fakeFetch({ '/me': { status: 200 } })
  const feed = open()
  await screen.findByRole('heading', { name: 'Workers' })
  await say(feed)
  fireEvent.keyDown(document.body, { key: 't' })
  expect(document.documentElement.dataset.theme).toBe('light')
  fireEvent.keyDown(document.body, { key: '?' })
  expect(screen.getByRole('dialog', { name: 'Keyboard' })).toBeTruthy()
  fireEvent.click(screen.getByRole('checkbox', { name: 'Single-key shortcuts' }))
  fireEvent.click(screen.getByRole('button', { name: 'Close' }))
  fireEvent.keyDown(document.body, { key: 't' })
  expect(document.documentElement.dataset.theme).toBe('light')
})
