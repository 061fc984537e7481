import { act, render, screen, waitFor } from '@testing-library/react'
import { beforeEach, expect, test, vi } from 'vitest'
import { useTurn } from './use-turn.ts'

const frames: (() => void)[] = []
const loaded = () => Promise.resolve()

beforeEach(() => {
  frames.length = 0
  vi.spyOn(window, 'requestAnimationFrame').mockImplementation((run) => frames.push(() => run(0)))
})

function Plot({ name, isReady = true, prepare = loaded }: PlotProps) {
  return useTurn(isReady, prepare) ? <p>{name}</p> : <i>{name}</i>
}

interface PlotProps {
  readonly name: string
  readonly isReady?: boolean
  prepare?(): Promise<unknown>
}

/** Paints: what asked for a frame gets it. */
async function paint() {
  await waitFor(() => expect(frames).toHaveLength(1))
  await act(async () => frames.shift()?.())
}

const drawn = () => [...document.querySelectorAll('p')].map((one) => one.textContent)

test('plots are drawn after a paint, one after the other, and stay', async () => {
  const both = (isReady: boolean) => (
    <>
      <Plot name="a" isReady={isReady} />
      <Plot name="b" />
    </>
  )
  const { rerender } = render(both(true))
  expect(drawn()).toEqual([])
  await paint()
  await screen.findByText('a', { selector: 'p' })
  expect(drawn()).toEqual(['a'])
  await paint()
  await screen.findByText('b', { selector: 'p' })
  rerender(both(false))
  expect(drawn()).toEqual(['a', 'b'])
  expect(frames).toEqual([])
})

test('one that leaves, or is not ready, or whose code is still on its way, keeps no other waiting', async () => {
  const all = (isHere: boolean) => (
    <>
      {isHere && <Plot name="gone" />}
      <Plot name="unready" isReady={false} />
      <Plot name="slow" prepare={() => new Promise(() => {})} />
      <Plot name="last" />
    </>
  )
  const { rerender } = render(all(true))
  await waitFor(() => expect(frames).toHaveLength(1))
  rerender(all(false))
  await paint()
  await screen.findByText('last', { selector: 'p' })
  expect(drawn()).toEqual(['last'])
})

test('what cannot be loaded has its turn too, so that it says so', async () => {
  render(<Plot name="a" prepare={() => Promise.reject(new Error('away'))} />)
  await paint()
  await screen.findByText('a', { selector: 'p' })
})
