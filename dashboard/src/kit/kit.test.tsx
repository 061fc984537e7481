import { act, fireEvent, screen, waitFor } from '@testing-library/react'
import { useEffect, useState } from 'react'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { ApiError, curlOf, quoted, request } from '../api/client.ts'
import { useAction } from '../api/use-action.ts'
import { useRange } from '../shell/range.ts'
import { fakeFetch, problem } from '../testing/fake-fetch.ts'
import { renderPage } from '../testing/render-page.tsx'
import { START_AT, snapshotMessage } from '../testing/samples.ts'
import { Button } from './button.tsx'
import { ConfirmDialog } from './confirm.tsx'
import { carry } from './link.tsx'
import { ActionMenu } from './menu.tsx'
import { Stale } from './states.tsx'
import { useUrlState } from './use-url-state.ts'

function Act({ undo }: { undo?: () => Promise<unknown> }) {
  const action = useAction({
    run: (id: string) => request('POST', `/runs/${id}/cancel`, { reason: 'zu langsam – für ä' }),
    title: (_result, id) => `${id} cancelled.`,
    failed: 'Not cancelled.',
    undo: undo && (() => undo()),
  })
  return (
    <button type="button" onClick={() => void action.start('r1')}>
      go
    </button>
  )
}

const viewSchema = z.object({ tab: z.enum(['a', 'b']).default('a'), q: z.string().default('') })

function AddressView() {
  const [state, patch] = useUrlState(viewSchema)
  return (
    <>
      <p role="note">{JSON.stringify(state)}</p>
      <button type="button" onClick={() => patch({ tab: 'b', q: 'x&y=1' })}>
        set
      </button>
      <button type="button" onClick={() => patch({ q: null })}>
        clear
      </button>
    </>
  )
}

function RangeView() {
  const { fromMs, toMs, stepMs, isRelative } = useRange()
  return <p role="note">{JSON.stringify([fromMs, toMs, stepMs, isRelative])}</p>
}

/** Off until `mended` is heard. */
function Mended() {
  const [isMended, setMended] = useState(false)
  useEffect(() => {
    const mend = () => setMended(true)
    window.addEventListener('mended', mend)
    return () => window.removeEventListener('mended', mend)
  }, [])
  return <Button disabledWhy={isMended ? undefined : 'It is draining.'}>Drain</Button>
}

describe('a button that cannot be pressed', () => {
  test('keeps its place in the order of focus, says why and does nothing', () => {
    const press = vi.fn()
    renderPage(
      <Button disabledWhy="Needs the role operator." onClick={press}>
        Cancel
      </Button>,
    )
    const button = screen.getByRole('button', { name: 'Cancel' })
    expect(button.getAttribute('aria-disabled')).toBe('true')
    expect(button.hasAttribute('disabled')).toBe(false)
    expect(document.getElementById(button.getAttribute('aria-describedby') ?? '')?.textContent).toBe(
      'Needs the role operator.',
    )
    fireEvent.click(button)
    expect(press).not.toHaveBeenCalled()
  })

  test('is the same element when it can be pressed again, and keeps its focus', () => {
    renderPage(<Mended />)
    const before = screen.getByRole('button', { name: 'Drain' })
    before.focus()
    act(() => void window.dispatchEvent(new Event('mended')))
    const after = screen.getByRole('button', { name: 'Drain' })
    expect(after.hasAttribute('aria-disabled')).toBe(false)
    expect(after).toBe(before)
    expect(document.activeElement).toBe(before)
  })

  test('takes no second press while the first is under way', () => {
    const press = vi.fn()
    renderPage(
      <Button pending onClick={press}>
        Cancel
      </Button>,
    )
    fireEvent.click(screen.getByRole('button'))
    expect(press).not.toHaveBeenCalled()
  })
})

test('a menu keeps what cannot be done now, with its reason', async () => {
  const run = vi.fn()
  renderPage(
    <ActionMenu
      label="Actions"
      items={[{ label: 'Drain', run, disabledWhy: 'It is draining.' }, null, { label: 'Log', href: '/logs' }]}
    />,
  )
  fireEvent.click(screen.getByRole('button', { name: 'Actions' }))
  const drain = await screen.findByRole('menuitem', { name: /Drain/ })
  expect(drain.textContent).toContain('It is draining.')
  fireEvent.click(drain)
  expect(run).not.toHaveBeenCalled()
  fireEvent.click(screen.getByRole('menuitem', { name: 'Log' }))
  expect(window.location.pathname).toBe('/dashboard/logs')
})

describe('a question before it hurts', () => {
  const ask = (props: Partial<Parameters<typeof ConfirmDialog>[0]> = {}) => {
    const onConfirm = vi.fn()
    const onClose = vi.fn()
    renderPage(
      <ConfirmDialog
        title="Force the drain of w1?"
        confirmLabel="Force"
        onConfirm={onConfirm}
        onClose={onClose}
        {...props}
      />,
    )
    return { onConfirm, onClose, button: () => screen.getByRole('button', { name: 'Force' }) }
  }

  test('tells the effect, and asks for a reason and the name where it cannot be undone', async () => {
    const { onConfirm, onClose, button } = ask({
      facts: [{ label: 'Tasks aborted', value: '3', tone: 'bad' }],
      reason: 'required',
      typeToConfirm: 'w1',
      equivalent: 'curl x',
    })
    expect(screen.getByText('Tasks aborted').closest('div')?.textContent).toContain('3')
    expect(screen.getByText('curl x')).toBeTruthy()
    fireEvent.click(button())
    fireEvent.change(screen.getByLabelText(/^Reason/), { target: { value: ' broken disk ' } })
    fireEvent.click(button())
    fireEvent.change(screen.getByLabelText('Type w1 to confirm'), { target: { value: 'w2' } })
    fireEvent.click(button())
    expect(onConfirm).not.toHaveBeenCalled()
    fireEvent.change(screen.getByLabelText('Type w1 to confirm'), { target: { value: 'w1' } })
    fireEvent.click(button())
    await waitFor(() => expect(onClose).toHaveBeenCalled())
    expect(onConfirm).toHaveBeenCalledWith('broken disk')
  })

  test('waits for the dry run, and Escape changes nothing', () => {
    const { onConfirm, onClose, button } = ask({ isLoading: true })
    fireEvent.click(button())
    expect(onConfirm).not.toHaveBeenCalled()
    fireEvent.keyDown(screen.getByRole('dialog'), { key: 'Escape' })
    expect(onClose).toHaveBeenCalled()
  })
})

describe('an action', () => {
  test('that is done says so, and can be taken back', async () => {
    const fetch = vi.spyOn(globalThis, 'fetch').mockResolvedValue(new Response('{}'))
    const undo = vi.fn(async () => undefined)
    renderPage(<Act undo={undo} />)
    fireEvent.click(screen.getByText('go'))
    await screen.findByText('r1 cancelled.')
    const headers = new Headers(fetch.mock.calls[0]?.[1]?.headers)
    expect(decodeURIComponent(headers.get('x-reason') ?? '')).toBe('zu langsam – für ä')
    expect(headers.get('content-type')).toBe('application/json')
    fireEvent.click(screen.getByRole('button', { name: 'Undo' }))
    await screen.findByText('Taken back.')
    expect(undo).toHaveBeenCalledTimes(1)
  })

  test('that is refused stays in view with the balancer’s sentence and code', async () => {
    fakeFetch({ '/runs/r1/cancel': problem(409, 'It has ended already.') })
    renderPage(<Act />)
    fireEvent.click(screen.getByText('go'))
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toContain('Not cancelled.')
    expect(alert.textContent).toContain('It has ended already.')
    expect(alert.textContent).toContain('X')
  })
})

describe('requests', () => {
  test('that nobody answers, and answers that do not fit, are told apart', async () => {
    fakeFetch({ '/a': 'no answer', '/b': { status: 200, body: { n: 'x' } } })
    await expect(request('GET', '/a')).rejects.toMatchObject({ status: 0 })
    const schema = z.object({ n: z.number() })
    await expect(request('GET', '/b', { schema })).rejects.toMatchObject({ code: 'UNREADABLE' })
    expect(new ApiError({ status: 404, code: 'NOT_FOUND', detail: null }).message).toBe('NOT_FOUND')
  })

  test('as curl, safe in a shell whatever they hold', () => {
    const command = curlOf({ method: 'POST', path: '/runs', body: { a: "it's $HOME" } }, 'http://h')
    expect(command).toContain('"Authorization: Bearer $LB_AUTH_KEY"')
    expect(command).toContain(`-d '{"a":"it'\\''s $HOME"}'`)
    expect(command).toContain("'http://h/runs'")
    expect(quoted("a'b")).toBe("'a'\\''b'")
  })
})

describe('the address', () => {
  const state = () => JSON.parse(screen.getByRole('note').textContent ?? '')

  test('holds the state of a view, and keeps the shell’s parameters', () => {
    renderPage(<AddressView />, { path: '/tasks?range=6h' })
    expect(state()).toEqual({ tab: 'a', q: '' })
    fireEvent.click(screen.getByText('set'))
    expect(state()).toEqual({ tab: 'b', q: 'x&y=1' })
    expect(new URLSearchParams(window.location.search).get('range')).toBe('6h')
    fireEvent.click(screen.getByText('clear'))
    expect(state()).toEqual({ tab: 'b', q: '' })
  })

  test('that makes no sense counts as absent', () => {
    renderPage(<AddressView />, { path: '/tasks?tab=zzz&q=50%25' })
    expect(state()).toEqual({ tab: 'a', q: '50%' })
  })

  test('takes time and group along, unless the link has its own', () => {
    expect(carry('/workers', '?range=6h&group=ocr&q=x')).toBe('/workers?range=6h&group=ocr')
    expect(carry('/tasks?range=15m', '?range=6h&group=ocr')).toBe('/tasks?range=15m&group=ocr')
    expect(carry('/tasks?from=a&to=b', '?range=6h')).toBe('/tasks?from=a&to=b')
  })
})

test('the time range ends on whole steps, and two instants stand still', () => {
  const read = () => JSON.parse(screen.getByRole('note').textContent ?? '')
  renderPage(<RangeView />, { path: '/?range=6h', says: snapshotMessage(1) })
  const [fromMs, toMs, stepMs] = read()
  expect([toMs - fromMs, toMs % stepMs, stepMs]).toEqual([6 * 3_600_000, 0, 120_000])
  act(() => window.history.pushState(null, '', '?from=2026-01-01T00:00:00Z&to=2026-01-01T00:10:00Z'))
  expect(read()).toEqual([
    Date.parse('2026-01-01T00:00:00Z'),
    Date.parse('2026-01-01T00:10:00Z'),
    5_000,
    false,
  ])
})

test('a figure is greyed with its age once it is three times as old as it should be', async () => {
  const feed = renderPage(
    <>
      <p>
        <Stale at={START_AT} expectedMs={5_000}>
          7
        </Stale>
      </p>
      <p>
        <Stale at={START_AT} expectedMs={1_000}>
          8
        </Stale>
      </p>
    </>,
    { says: snapshotMessage(1) },
  )
  feed.advance(4_000)
  const old = await screen.findByText('4 s old')
  expect(old.closest('p')?.textContent).toBe('8 4 s old')
  expect(screen.getByText('7').textContent).toBe('7')
})
