/** What is wrong with the text, by line, each a way to its place. */
import type { WorkersFileFault } from '@berth/protocol'
import { Button } from '../../kit/button.tsx'
import type { CodeFault } from '../../kit/code-editor.tsx'
import { Panel } from '../../kit/page.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

const SHOWN = 8

export function toCodeFaults(faults: readonly WorkersFileFault[]): CodeFault[] {
  return faults.map(({ offset = 0, length = 0, message }) => ({ from: offset, to: offset + length, message }))
}

interface Props {
  readonly faults: readonly WorkersFileFault[]
  onGoTo(offset: number): void
}

export function FaultList({ faults, onGoTo }: Props) {
  if (faults.length === 0) return null
  const words = text.config.problems
  return (
    <Panel title={words.title} unit={words.count(faults.length)} className="config-faults">
      <ul>
        {faults.slice(0, SHOWN).map((fault) => (
          <li key={`${fault.offset} ${fault.pointer} ${fault.message}`}>
            <Button kind="quiet" onClick={() => onGoTo(fault.offset ?? 0)}>
              {fault.line === undefined ? words.whole : words.at(fault.line, fault.column ?? 1)}
            </Button>
            <span>{visible(fault.message)}</span>
          </li>
        ))}
      </ul>
      {faults.length > SHOWN && <p className="muted">{words.more(faults.length - SHOWN)}</p>}
    </Panel>
  )
}
