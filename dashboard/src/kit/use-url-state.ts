/**
 * The state of a view in the page's address: `useUrlState(z.object({tab: z.string().default('a')}))`.
 * Every member is a string to the schema; a member that the schema refuses counts as absent. `patch` changes
 * some members (null or '' removes); the shell's own parameters stay. A patch adds an entry to the history
 * unless told to replace, which typing does.
 */
import { useCallback, useMemo, useRef } from 'react'
import { useSearch } from 'wouter/use-browser-location'
import type { z } from 'zod'

export type Patch<Shape extends z.ZodRawShape> = { readonly [Key in keyof Shape]?: string | null }

export function useUrlState<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
): [z.output<z.ZodObject<Shape>>, (next: Patch<Shape>, options?: { readonly replace?: boolean }) => void] {
  const search = useSearch()
  // A schema made in the component is a new one each time; what it accepts does not change.
  const first = useRef(schema)
  const state = useMemo(() => readState(first.current, search), [search])
  const patch = useCallback((next: Patch<Shape>, options?: { readonly replace?: boolean }) => {
    const params = new URLSearchParams(window.location.search)
    for (const [name, value] of Object.entries(next)) {
      if (value === undefined) continue
      if (value === null || value === '') params.delete(name)
      else params.set(name, String(value))
    }
    writeSearch(params, options?.replace ?? false)
  }, [])
  return [state, patch]
}

function readState<Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>, search: string) {
  const params = new URLSearchParams(search)
  const raw: Record<string, string> = {}
  for (const name of Object.keys(schema.shape)) {
    const value = params.get(name)
    if (value !== null) raw[name] = value
  }
  const parsed = schema.safeParse(raw)
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues) delete raw[String(issue.path[0])]
  return schema.parse(raw)
}

/** Puts the parameters into the address; the router hears of it by the history's own event. */
export function writeSearch(params: URLSearchParams, isReplacing: boolean): void {
  const search = params.toString()
  const address = `${window.location.pathname}${search === '' ? '' : `?${search}`}`
  if (address === `${window.location.pathname}${window.location.search}`) return
  if (isReplacing) window.history.replaceState(null, '', address)
  else window.history.pushState(null, '', address)
}
