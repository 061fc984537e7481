/**
 * The small drawings: a state's shape (state is never told by colour alone), and the icons of
 * buttons. All are decoration: the word stands beside them.
 */
import type { RunStatus, WorkerState } from '@berth/protocol'
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

/** A state's shape as the path of an SVG, filled by even-odd; for canvases. */
export function shapeOf(state: WorkerState): string {
  return shapes[state]
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

const runTones: Readonly<Record<RunStatus, Tone>> = {
  scheduled: 'calm',
  queued: 'held',
  running: 'busy',
  completed: 'ok',
  failed: 'bad',
  cancelled: 'calm',
  expired: 'warn',
}

const runShapes: Readonly<Record<RunStatus, string>> = {
  scheduled:
    'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1m0 1.6a3.4 3.4 0 1 1 0 6.8 3.4 3.4 0 0 1 0-6.8M5.3 3.6v3l2.2 1.3.7-1.1-1.5-.9V3.6z',
  queued: 'M1 2h10v2H1zm0 3h10v2H1zm0 3h6v2H1z',
  running: 'M2.5 1 11 6 2.5 11z',
  completed: 'M4.5 8.1 2.2 5.8.8 7.2l3.7 3.7 6.7-7.7L9.7 1.9z',
  failed: shapes.unreachable,
  cancelled: 'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1M3 5.2v1.6h6V5.2z',
  expired: 'M2 1h8v1.6L7.2 6 10 9.4V11H2V9.4L4.8 6 2 2.6z',
}

export function toneOfRun(status: RunStatus): Tone {
  return runTones[status]
}

/** The state of a run: shape, colour and word. */
export function RunMark({ status }: { status: RunStatus }) {
  return (
    <span className={`state tone-${runTones[status]}`} data-state={status}>
      <svg className="mark" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <path fillRule="evenodd" d={runShapes[status]} />
      </svg>
      {text.runStates[status]}
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
  check: 'M3 8.5 6.5 12 13 4.5',
  copy: 'M6 6h7.5v7.5H6zM3.5 10H2.5V2.5H10v1',
  more: 'M3.5 8v.01M8 8v.01M12.5 8v.01',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  edit: 'M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3z',
  bin: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5',
  play: 'M5 3.5v9L12.5 8z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  stop: 'M4 4h8v8H4z',
  retry: 'M12.8 9.5A5 5 0 1 1 12.5 6M12.8 2.8V6H9.6',
  undo: 'M4 6.5h6a3 3 0 0 1 0 6H6.5M6.5 4 4 6.5 6.5 9',
  download: 'M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.2h10',
  upload: 'M8 10.5V3M4.8 6 8 2.8 11.2 6M3 13.2h10',
  link: 'M6.8 9.2 9.2 6.8M7 4.8l1.2-1.2a3 3 0 0 1 4.2 4.2L11.2 9M9 11.2l-1.2 1.2a3 3 0 0 1-4.2-4.2L4.8 7',
  filter: 'M2.5 3.5h11L9.3 8.5v4L6.7 11V8.5z',
  warning: 'M8 2.5 14 13H2zM8 6.5v3M8 11.3v.01',
  info: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2M8 7.2v3.6M8 5.1v.01',
  clock: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2M8 4.8V8l2.2 1.5',
  table: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M2.5 9.5h11M6.5 3.5v9',
  grid: 'M2.5 2.5h4.5v4.5H2.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z',
  chart: 'M2.5 2.5v11h11M5 10.5l2.5-3.5 2 1.8 3.5-4.8',
  expand: 'M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9',
  overview: 'M2.5 9.5a5.5 5.5 0 0 1 11 0M8 9.5l2.5-3M2.5 12.5h11',
  workers: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5v.01M5 11v.01',
  capability: 'M2.5 2.5h11v11h-11zM6.2 2.5v11M9.9 2.5v11M2.5 6.2h11M2.5 9.9h11',
  tasks: 'M2.8 4 4 5.2 6 3.2M2.8 8 4 9.2 6 7.2M2.8 12 4 13.2 6 11.2M8.5 4.2h5M8.5 8.2h5M8.5 12.2h5',
  queue: 'M3 3.5h10M3 6.5h10M3 9.5h7M3 12.5h4',
  functions:
    'M10.5 2.8c-2.5-.6-2.8 1-3.2 3.2l-1 5.5c-.3 1.6-1.2 2.2-2.8 1.8M4.5 6.5h6M9.8 9.5l3.2 3.5M13 9.5l-3.2 3.5',
  invoke: 'M2.5 3l4 5-4 5M8 13h5.5',
  schedules: 'M2.5 4h11v9.5h-11zM2.5 7h11M5.5 2.2V5M10.5 2.2V5M5.5 9.8h2',
  logs: 'M3 3.5h7M3 6.5h10M3 9.5h8M3 12.5h5',
  config: 'M6 3 3 8l3 5M10 3l3 5-3 5',
  activity: 'M2 8.5h2.8l2-5 2.6 9 2-4H14',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  collapse: 'M10.5 3.5 6 8l4.5 4.5',
  user: 'M8 2.8a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4M3 13.5c.5-2.6 2.5-4 5-4s4.5 1.4 5 4',
  contrast: 'M8 2.2a5.8 5.8 0 1 0 0 11.6zM8 2.2a5.8 5.8 0 0 1 0 11.6',
  key: 'M2.5 4.5h11v7h-11zM5 7v.01M8 7v.01M11 7v.01M5.5 9.5h5',
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
