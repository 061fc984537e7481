/** A log by the word of its source (`logs`, `logs:<worker id>`), with fields for level and text. */
import { everyLogLine, readLogWord } from '@berth/protocol'
import { useMemo } from 'react'
import { LogList } from './log-list.tsx'

interface Props {
  readonly source: string
  readonly label: string
  readonly fileName: string
  readonly isTitled?: boolean
}

export function LogTail({ source, fileName, ...rest }: Props) {
  const query = useMemo(() => {
    const read = readLogWord(source)
    return read.ok ? read.query : everyLogLine
  }, [source])
  return <LogList query={query} fileName={fileName.replace(/\.txt$/, '')} hasFilter {...rest} />
}
