/**
 * Small choices that survive a reload (theme, time range, switched-off shortcuts), in localStorage
 * under `berth.`. A browser that forbids storage keeps them until the page closes.
 */
import { useSyncExternalStore } from 'react'

const kept = new Map<string, string>()
const listeners = new Set<() => void>()

export function readPreference(name: string): string | null {
  try {
    return localStorage.getItem(`berth.${name}`) ?? null
  } catch {
    return kept.get(name) ?? null
  }
}

export function writePreference(name: string, value: string): void {
  kept.set(name, value)
  try {
    localStorage.setItem(`berth.${name}`, value)
  } catch {
    // Storage is forbidden or full; the choice holds until the page closes.
  }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  window.addEventListener('storage', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('storage', listener)
  }
}

/** One of `allowed`; anything else that is stored counts as `fallback`. */
export function usePreference<Value extends string>(
  name: string,
  allowed: readonly Value[],
  fallback: Value,
): [Value, (value: Value) => void] {
  const stored = useSyncExternalStore(subscribe, () => readPreference(name))
  const value = allowed.find((one) => one === stored) ?? fallback
  return [value, (next) => writePreference(name, next)]
}

/** A yes/no choice, yes unless it was switched off. */
export function useSwitchedOn(name: string): [boolean, (isOn: boolean) => void] {
  const [value, setValue] = usePreference(name, ['on', 'off'], 'on')
  return [value === 'on', (isOn) => setValue(isOn ? 'on' : 'off')]
}

/** Any text; null when nothing is stored. */
export function usePreferenceText(name: string): string | null {
  return useSyncExternalStore(subscribe, () => readPreference(name))
}
