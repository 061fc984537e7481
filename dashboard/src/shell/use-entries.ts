/** The pages and actions that the palette offers on every page, and what the page in view adds to them. */
import { useNavigate } from '../kit/navigate.ts'
import { text } from '../text/text.ts'
import { THEMES, useTheme } from '../theme.ts'
import { useLive } from './live.ts'
import type { Entry } from './palette-entries.ts'
import { useOffered } from './palette-offers.ts'
import { RAIL } from './rail.tsx'
import { RANGES, useRange } from './range.ts'
import { useZone, ZONES } from './zone.ts'

interface Actions {
  openHelp(): void
  toggleRail(): void
  signOut(): void
}

export function useEntries({ openHelp, toggleRail, signOut }: Actions): {
  readonly entries: readonly Entry[]
  go(path: string): void
} {
  const go = useNavigate()
  const live = useLive()
  const range = useRange()
  const [, setTheme] = useTheme()
  const [, setZone] = useZone()
  const offered = useOffered()
  const { shell } = text
  const pages = RAIL.map(
    (entry): Entry => ({
      id: `page ${entry.page}`,
      kind: 'pages',
      label: shell.pages[entry.page],
      icon: entry.page,
      keys: entry.key && `g ${entry.key}`,
      path: entry.path,
    }),
  )
  const action = (id: string, label: string, icon: Entry['icon'], run: () => void, keys?: string): Entry => ({
    id: `action ${id}`,
    kind: 'actions',
    label,
    icon,
    run,
    keys,
  })
  const actions = [
    action(
      'pause',
      live.isLive ? shell.pause : shell.resume,
      live.isLive ? 'pause' : 'play',
      live.isLive ? live.pause : live.resume,
      'Space',
    ),
    action('help', shell.keyHelp, 'help', openHelp, '?'),
    action('rail', shell.palette.rail, 'menu', toggleRail),
    action('sign-out', shell.signOut, 'out', signOut),
    ...THEMES.map((theme) =>
      action(`theme ${theme}`, `${shell.theme}: ${shell.themes[theme]}`, 'contrast', () => setTheme(theme)),
    ),
    ...ZONES.map((zone) =>
      action(`zone ${zone}`, `${shell.zone}: ${shell.zones[zone]}`, 'clock', () => setZone(zone)),
    ),
    ...RANGES.map((name) =>
      action(`range ${name}`, `${shell.range.title}: ${shell.range.last[name]}`, 'clock', () =>
        range.set(name),
      ),
    ),
  ]
  return { entries: [...offered, ...pages, ...actions], go }
}
