/** Narrows every page to one group of the fleet; hidden while there is only one. */
import type { FeedView } from '../feed/feed-client.ts'
import { useFeedPart } from '../feed/use-feed.tsx'
import { Select } from '../kit/select.tsx'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { useGroup } from './group.ts'

/** No group is called this: names have no spaces. */
const ALL = ' '

export function GroupPicker() {
  const known = useFeedPart(groupsOf)
  const { group, setGroup } = useGroup()
  const names = [...new Set([...known.split('\n'), group ?? ''])].filter(Boolean).sort()
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

/** One word for all of them, so that the picker rests while they stay the same. */
function groupsOf({ feed }: FeedView): string {
  const found = new Set<string>()
  for (const worker of feed.workers.values()) if (worker.group !== null) found.add(worker.group)
  return [...found].sort().join('\n')
}
