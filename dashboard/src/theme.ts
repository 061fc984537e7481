/**
 * System, light, dark or high contrast: the choice stands as `data-theme` on the root element, where the style
 * sheet reads it; `system` leaves it away and follows the machine.
 */
import { readPreference, usePreference } from './kit/preference.ts'

export const THEMES = ['system', 'light', 'dark', 'contrast'] as const
export type Theme = (typeof THEMES)[number]

export function applyTheme(theme: string | null): void {
  if (theme === 'light' || theme === 'dark' || theme === 'contrast')
    document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
}

/** Before the first render, so that the page never flashes in the other theme. */
export function applyStoredTheme(): void {
  applyTheme(readPreference('theme'))
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, store] = usePreference<Theme>('theme', THEMES, 'system')
  const setTheme = (next: Theme) => {
    store(next)
    applyTheme(next)
  }
  return [theme, setTheme]
}

export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system'
}
