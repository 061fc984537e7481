/** Going to another page by code: after an action, from a table row, from a key. */
import { useCallback } from 'react'
import { useLocation } from 'wouter'
import { carry, routed } from './link.tsx'

/** Answers `go(path, {replace?})`; the shell's parameters go along as with a link. */
export function useNavigate(): (path: string, options?: { readonly replace?: boolean }) => void {
  const [, navigate] = useLocation()
  return useCallback(
    (path, options) => navigate(routed(carry(path, window.location.search)), options),
    [navigate],
  )
}
