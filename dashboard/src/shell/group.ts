/** The group that the page is narrowed to (`?group=`); null is all of them. */
import { useCallback } from 'react'
import { useSearch } from 'wouter/use-browser-location'
import { writeSearch } from '../kit/use-url-state.ts'

export function useGroup(): { readonly group: string | null; setGroup(group: string | null): void } {
  const group = new URLSearchParams(useSearch()).get('group')
  const setGroup = useCallback((next: string | null) => {
    const params = new URLSearchParams(window.location.search)
    if (next === null || next === '') params.delete('group')
    else params.set('group', next)
    writeSearch(params, false)
  }, [])
  return { group: group === '' ? null : group, setGroup }
}
