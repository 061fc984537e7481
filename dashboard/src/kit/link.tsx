/**
 * A link within the dashboard. What holds for all pages (time range, group) goes along, so that a reader
 * who moves from page to page keeps looking at the same hour of the same group.
 */
import type { AnchorHTMLAttributes, ReactNode, Ref } from 'react'
import { Link as RouterLink } from 'wouter'
import { useSearch } from 'wouter/use-browser-location'
import { BASE } from '../paths.ts'

/** Search parameters that belong to the shell and follow from page to page. */
export const CARRIED = ['range', 'from', 'to', 'group'] as const

interface Props extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  /** A path of `paths.ts`. */
  readonly to: string
  readonly children?: ReactNode
  readonly ref?: Ref<HTMLAnchorElement>
}

export function Link({ to, children, ...rest }: Props) {
  const search = useSearch()
  return (
    <RouterLink href={routed(carry(to, search))} {...rest}>
      {children}
    </RouterLink>
  )
}

/** As the router takes it; the overview is `/dashboard` without a slash, which the router would add. */
export function routed(path: string): string {
  return /^\/(\?|$)/.test(path) ? `~${BASE}${path.slice(1)}` : path
}

/** `to` with the shell's parameters of `search`; those that `to` names itself win. */
export function carry(to: string, search: string): string {
  const [path = '', own = ''] = to.split('?', 2)
  const params = new URLSearchParams(own)
  const current = new URLSearchParams(search)
  const hasOwnTime = params.has('range') || params.has('from') || params.has('to')
  for (const name of CARRIED) {
    const value = current.get(name)
    if (value === null || params.has(name)) continue
    if (hasOwnTime && name !== 'group') continue
    params.set(name, value)
  }
  const all = params.toString()
  return all === '' ? path : `${path}?${all}`
}
