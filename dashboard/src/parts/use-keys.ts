/**
 * Single-key shortcuts of a page. Off in text fields, with a modifier, while a dialog is open, and
 * when the operator switched them off (WCAG 2.1.4).
 */
import { useEffect, useRef } from 'react'
import { readPreference } from './preference.ts'

export type KeyMap = Readonly<Record<string, (event: KeyboardEvent) => void>>

export function useKeys(keys: KeyMap): void {
  const latest = useRef(keys)
  useEffect(() => {
    latest.current = keys
  })
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const action = Object.hasOwn(latest.current, event.key) ? latest.current[event.key] : undefined
      if (action && mayAct(event)) action(event)
    }
    document.addEventListener('keydown', listen)
    return () => document.removeEventListener('keydown', listen)
  }, [])
}

function mayAct(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false
  if (readPreference('single-keys') === 'off') return false
  if (document.querySelector('dialog[open]')) return false
  return !isTextField(event.target)
}

function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || target.matches('input:not([type="checkbox"]), textarea, select')
}
