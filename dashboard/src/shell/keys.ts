/**
 * The page's shortcuts. Components register theirs while they are mounted; one listener serves all, the
 * last registered wins. Off in text fields and while a dialog or menu is open; all that a single character
 * does can be switched off (WCAG 2.1.4) and bound to another key. Names: `m`, `Shift x`, `g o` (one after
 * the other), `Mod k` (Ctrl or ⌘), `Space`, `[`.
 */
import { useEffect, useRef, useSyncExternalStore } from 'react'
import { readPreference, usePreferenceText, writePreference } from '../kit/preference.ts'

export interface KeyAction {
  /** What it does, for the help. */
  readonly label: string
  run(event: KeyboardEvent): void
  /** Works in text fields too; for `Mod` keys and Escape. */
  readonly isEverywhere?: boolean
  /** Not told in the help. */
  readonly isSecret?: boolean
}

/** By key; entries that are undefined or false are left out. */
export type KeyMap = Readonly<Record<string, KeyAction | undefined | false>>

/** How long the second key of two may take. */
const CHORD_MS = 1_200
/** Never counted as a character of text. */
const namedKey = /^(Enter|Escape|Tab|Arrow\w+|Page\w+|Home|End|F\d+)$/

interface Scope {
  readonly title: string | null
  read(): KeyMap
}

const scopes: Scope[] = []
const listeners = new Set<() => void>()
let version = 0
let pending = ''
let pendingTimer: number | null = null

function changed(): void {
  version += 1
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Registers keys while mounted. `title` heads them in the help; without one they count to the page. */
export function useKeys(keys: KeyMap, title: string | null = null): void {
  const latest = useRef(keys)
  useEffect(() => {
    latest.current = keys
  })
  useEffect(() => {
    const scope: Scope = { title, read: () => latest.current }
    if (scopes.length === 0) document.addEventListener('keydown', listen)
    scopes.push(scope)
    changed()
    return () => {
      scopes.splice(scopes.indexOf(scope), 1)
      if (scopes.length === 0) document.removeEventListener('keydown', listen)
      changed()
    }
  }, [title])
}

export interface Shortcut {
  /** The key it has by default: what it is known by. */
  readonly name: string
  /** The key it has now. */
  readonly key: string
  readonly label: string
  readonly title: string | null
}

/** What is registered now, the shell's first; a key that two have counts for the last. */
export function useShortcuts(): readonly Shortcut[] {
  useSyncExternalStore(subscribe, () => version)
  const bindings = useBindings()[0]
  const found = new Map<string, Shortcut>()
  for (const scope of scopes) {
    for (const [name, action] of Object.entries(scope.read())) {
      if (!action || action.isSecret) continue
      found.set(name, { name, key: bindings[name] ?? name, label: action.label, title: scope.title })
    }
  }
  return [...found.values()]
}

/** The keys that an operator has chosen instead, by the default key. */
export type Bindings = Readonly<Record<string, string>>

/** What is chosen, the way to choose (null takes a choice back), and the way back to all defaults. */
export function useBindings(): [Bindings, (name: string, key: string | null) => void, () => void] {
  const raw = usePreferenceText('keys')
  const bind = (name: string, key: string | null) => {
    const next: Record<string, string> = { ...readBindings() }
    if (key === null || key === name) delete next[name]
    else next[name] = key
    writePreference('keys', JSON.stringify(next))
  }
  return [parseBindings(raw), bind, () => writePreference('keys', '{}')]
}

function readBindings(): Bindings {
  return parseBindings(readPreference('keys'))
}

function parseBindings(raw: string | null): Bindings {
  try {
    const parsed: unknown = JSON.parse(raw ?? '{}')
    if (typeof parsed !== 'object' || parsed === null) return {}
    return Object.fromEntries(
      Object.entries(parsed).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    )
  } catch {
    return {}
  }
}

/** The key of an event as this file names it; null for a modifier alone. */
export function keyOf(event: KeyboardEvent): string | null {
  if (['Shift', 'Control', 'Alt', 'Meta', 'CapsLock', 'Dead'].includes(event.key)) return null
  const key = event.key === ' ' ? 'Space' : event.key
  if (event.ctrlKey || event.metaKey) return `Mod ${key.toLowerCase()}`
  // Which characters need Shift is the keyboard's own affair, but for letters and named keys.
  if (event.shiftKey && /^([a-zA-Z]|\w{2,})$/.test(key)) {
    return `Shift ${key.length === 1 ? key.toLowerCase() : key}`
  }
  return key
}

function listen(event: KeyboardEvent): void {
  const key = keyOf(event)
  if (key === null || event.defaultPrevented || event.altKey) return
  const typed = pending === '' ? key : `${pending} ${key}`
  const action = findAction(typed) ?? (pending === '' ? undefined : findAction(key))
  const found = action && mayAct(event, key, action) ? action : undefined
  const isBeginning = !found && isChordStart(key) && mayAct(event, key, null)
  setPending(isBeginning ? key : '')
  if (found) {
    if (pending === '' && key !== 'Enter') event.preventDefault()
    found.run(event)
  }
}

function setPending(key: string): void {
  if (pendingTimer !== null) window.clearTimeout(pendingTimer)
  pendingTimer = null
  pending = key
  if (key !== '') {
    pendingTimer = window.setTimeout(() => {
      pending = ''
    }, CHORD_MS)
  }
}

function findAction(typed: string): KeyAction | undefined {
  const bindings = readBindings()
  for (let i = scopes.length - 1; i >= 0; i--) {
    for (const [name, action] of Object.entries(scopes[i]?.read() ?? {})) {
      if (action && (bindings[name] ?? name) === typed) return action
    }
  }
  return undefined
}

function isChordStart(key: string): boolean {
  const bindings = readBindings()
  return scopes.some((scope) =>
    Object.entries(scope.read()).some(([name, action]) => {
      const bound = bindings[name] ?? name
      return Boolean(action) && !/^(Mod|Shift) /.test(bound) && bound.startsWith(`${key} `)
    }),
  )
}

function mayAct(event: KeyboardEvent, key: string, action: KeyAction | null): boolean {
  if (action?.isEverywhere) return true
  // Within a shadow root (the code editor) the event's own target is only the root's host.
  const target = event.composedPath()[0] ?? event.target
  if (isTextField(target) || isOverlayOpen()) return false
  if (key === 'Space' && isPressed(target)) return false
  const isCharacter = !key.startsWith('Mod ') && !namedKey.test(key)
  return !isCharacter || readPreference('single-keys') !== 'off'
}

function isOverlayOpen(): boolean {
  return document.querySelector('[data-dialog][data-open]:not([role="tooltip"])') !== null
}

function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return (
    target.isContentEditable ||
    target.matches('input:not([type="checkbox"], [type="radio"]), textarea, select, [role="textbox"]')
  )
}

/** Space presses these; it must not do something else too. */
function isPressed(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest('button, a, summary, input, select, [role="button"], [role="switch"], [role="tab"]') !==
      null
  )
}
