/**
 * The small drawings: a state's shape (state is never told by colour alone), and the icons of
 * buttons. All are decoration: the word stands beside them.
 */
import type { WorkerState } from '@berth/protocol'
import { text } from '../text/text.ts'

export type Tone = 'ok' | 'busy' | 'calm' | 'held' | 'warn' | 'bad'

const tones: Readonly<Record<WorkerState, Tone>> = {
  connecting: 'calm',
  ready: 'ok',
  saturated: 'busy',
  unready: 'warn',
  draining: 'calm',
  leaving: 'calm',
  maintenance: 'held',
  ejected: 'bad',
  stalled: 'warn',
  mismatch: 'warn',
  unreachable: 'bad',
}

/** Filled shapes on a grid of 12. */
const shapes: Readonly<Record<WorkerState, string>> = {
  connecting: 'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1m0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6',
  ready: 'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1',
  saturated: 'M1.5 1.5h9v9h-9z',
  unready: 'M6 .8 11.6 11H.4zM5.3 4.4v3.2h1.4V4.4zm0 4v1.3h1.4V8.4z',
  draining: 'M5 1h2v5.2l2.3-2.3 1.4 1.4L6 10 1.3 5.3l1.4-1.4L5 6.2zM1.5 10.5h9V12h-9z',
  leaving: 'M1 5h5.2L3.9 2.7l1.4-1.4L10 6l-4.7 4.7-1.4-1.4L6.2 7H1zM10.5 1.5H12v9h-1.5z',
  maintenance: 'M2 1.5h3v9H2zm5 0h3v9H7z',
  ejected: 'M3.7.5h4.6l3.2 3.2v4.6l-3.2 3.2H3.7L.5 8.3V3.7zM3 5.2v1.6h6V5.2z',
  stalled: 'M6 .3 11.7 6 6 11.7.3 6zM6 3.1 3.1 6 6 8.9 8.9 6z',
  mismatch: 'M1 3h10v2H1zm0 4h10v2H1zM7.6.8l1.5.8-4.7 9.6-1.5-.8z',
  unreachable: 'M2.4 1 6 4.6 9.6 1 11 2.4 7.4 6 11 9.6 9.6 11 6 7.4 2.4 11 1 9.6 4.6 6 1 2.4z',
}

export function toneOf(state: WorkerState): Tone {
  return tones[state]
}

export function StateMark({ state }: { state: WorkerState }) {
  return (
    <span className={`state tone-${tones[state]}`} data-state={state}>
      <svg className="mark" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <path fillRule="evenodd" d={shapes[state]} />
      </svg>
      {text.states[state]}
    </span>
  )
}

/** A tone without a state: verdict, banners, toasts. */
export function ToneMark({ tone }: { tone: Tone }) {
  const state: Record<Tone, WorkerState> = {
    ok: 'ready',
    busy: 'saturated',
    calm: 'connecting',
    held: 'maintenance',
    warn: 'unready',
    bad: 'unreachable',
  }
  return (
    <svg className={`mark tone-${tone}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      <path fillRule="evenodd" d={shapes[state[tone]]} />
    </svg>
  )
}

const icons = {
  chevron: 'M5.5 3.5 10 8l-4.5 4.5',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5',
  system: 'M2 3h12v8H2zM6 14h4M8 11v3',
  help: 'M6 6a2 2 0 1 1 2.7 1.9c-.5.2-.7.6-.7 1.1v.5M8 12v.1',
  close: 'M4 4l8 8M12 4l-8 8',
  search: 'M7 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8M10 10l3.5 3.5',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  both: 'M5 6.5 8 3.5l3 3M5 9.5l3 3 3-3',
  out: 'M6.5 3H3v10h3.5M9.5 5l3 3-3 3M12 8H6',
} as const

export type IconName = keyof typeof icons

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className={`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path
        d={icons[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  )
}

/** The sign of Berth: three quays, some of them taken. */
export function BrandMark({ size = 22 }: { size?: number }) {
  return (
    <svg className="brand-mark" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true">
      <rect className="brand-ground" width="32" height="32" rx="7" />
      <path
        className="brand-sign"
        d="M8.5 8h15A1.5 1.5 0 0 1 25 9.5v1a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 7 10.5v-1A1.5 1.5 0 0 1 8.5 8M8.5 14h8a1.5 1.5 0 0 1 1.5 1.5v1a1.5 1.5 0 0 1-1.5 1.5h-8A1.5 1.5 0 0 1 7 16.5v-1A1.5 1.5 0 0 1 8.5 14M8.5 20h12a1.5 1.5 0 0 1 1.5 1.5v1a1.5 1.5 0 0 1-1.5 1.5h-12A1.5 1.5 0 0 1 7 22.5v-1A1.5 1.5 0 0 1 8.5 20"
      />
    </svg>
  )
}
