/** The keys that hold on every page: going to pages, help, palette, pause, time range, zone, theme. */
import { useNavigate } from '../kit/navigate.ts'
import { text } from '../text/text.ts'
import { nextTheme, useTheme } from '../theme.ts'
import { type KeyAction, useKeys } from './keys.ts'
import { useLive } from './live.ts'
import { RAIL } from './rail.tsx'
import { neighbour, useRange } from './range.ts'
import { useZone } from './zone.ts'

interface Options {
  openHelp(): void
  openPalette(): void
}

export function useShellKeys({ openHelp, openPalette }: Options): void {
  const navigate = useNavigate()
  const range = useRange()
  const live = useLive()
  const [zone, setZone] = useZone()
  const [theme, setTheme] = useTheme()
  const words = text.shell.help
  const pages: Record<string, KeyAction> = {}
  for (const entry of RAIL) {
    if (entry.key) {
      pages[`g ${entry.key}`] = {
        label: text.shell.pages[entry.page],
        run: () => navigate(entry.path),
      }
    }
  }
  useKeys(pages, words.goTo)
  useKeys(
    {
      '?': { label: words.keys.help, run: openHelp },
      'Mod k': { label: words.keys.palette, run: openPalette, isEverywhere: true },
      Space: { label: words.keys.pause, run: live.isLive ? live.pause : live.resume },
      '[': { label: words.keys.shorter, run: () => range.set(neighbour(range.name, -1)) },
      ']': { label: words.keys.longer, run: () => range.set(neighbour(range.name, 1)) },
      u: { label: words.keys.zone, run: () => setZone(zone === 'utc' ? 'local' : 'utc') },
      t: { label: words.keys.theme, run: () => setTheme(nextTheme(theme)) },
    },
    words.everywhere,
  )
}
