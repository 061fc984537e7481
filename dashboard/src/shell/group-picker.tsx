/** Narrows every page to one group of the fleet; hidden while there is only one. */
import { useMemo } from 'react'
import { useFeed } from '../feed/use-feed.tsx'
import { Select } from '../kit/select.tsx'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { useGroup } from './group.ts'

/** No group is called this: names have no spaces. */
const ALL = ' '

export function GroupPicker() {
  const { feed } = useFeed()
  const { group, setGroup } = useGroup()
  const names = useMemo(() => {
    const found = new Set<string>()
    for (const worker of feed.workers.values()) if (worker.group !== null) found.add(worker.group)
    if (group !== null) found.add(group)
    return [...found].sort()
  }, [feed.workers, group])
  if (names.length < 2 && group === null) return null
  return (
    <Select
      label={text.shell.group}
      className="top-bar-group"
      value={group ?? ALL}
      onChange={(value) => setGroup(value === ALL ? null : value)}
      options={[
        { value: ALL, label: text.shell.allGroups },
        ...names.map((name) => ({ value: name, label: visible(name) })),
      ]}
    />
  )
}
