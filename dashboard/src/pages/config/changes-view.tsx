/** The text beside what is in force, what is on disk, or what one began with. The text can be changed here too. */
import { CodeDiff } from '../../kit/code-diff.tsx'
import { Panel } from '../../kit/page.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { Skeleton } from '../../kit/states.tsx'
import { text } from '../../text/text.ts'
import type { ConfigFile } from './config-data.ts'

const words = text.config

interface ChangesProps {
  readonly shown: string
  readonly file: ConfigFile
  readonly base: ConfigFile | null
  readonly running: string | null
  readonly against: 'force' | 'disk' | 'base' | undefined
  onAgainst(against: string): void
  onChange(text: string): void
}

export function Changes({ shown, file, base, running, against, onAgainst, onChange }: ChangesProps) {
  const options = [
    { value: 'force' as const, label: words.compare.force, text: running },
    { value: 'disk' as const, label: words.compare.disk, text: file.text },
    { value: 'base' as const, label: words.compare.base, text: base?.text ?? null },
  ].filter((option) => option.text !== null)
  const chosen = options.find((option) => option.value === against) ?? options[0]
  if (!chosen || chosen.text === null) return <Skeleton rows={8} />
  return (
    <Panel
      isFlush
      actions={
        <Segmented label={words.compare.label} value={chosen.value} onChange={onAgainst} options={options} />
      }
    >
      <CodeDiff
        before={chosen.text}
        after={shown}
        beforeLabel={chosen.label}
        afterLabel={words.compare.mine}
        onChange={onChange}
        maxHeight="calc(100dvh - 300px)"
      />
    </Panel>
  )
}
