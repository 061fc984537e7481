/** What is special about a function, as small marks with words: paused, scheduled, in the background, kept warm. */
import { Badge } from '../../kit/badge.tsx'
import { Icon } from '../../kit/marks.tsx'
import { Tooltip } from '../../kit/tooltip.tsx'
import { text } from '../../text/text.ts'
import type { FunctionItem } from '../invoke/parts/functions-data.ts'

export function FunctionMarks({ item, schedules }: { item: FunctionItem; schedules: number }) {
  const words = text.functions.marks
  return (
    <span className="function-marks">
      {item.paused && (
        <Badge tone="held" hasMark>
          {words.paused}
        </Badge>
      )}
      {schedules > 0 && (
        <Tooltip text={words.scheduled(schedules)}>
          <span className="function-mark" role="img" aria-label={words.scheduled(schedules)}>
            <Icon name="clock" />
          </span>
        </Tooltip>
      )}
      {item.background && <Badge>{words.background}</Badge>}
      {item.keepWarm && <Badge>{words.keepWarm}</Badge>}
      {item.supportsStreaming && <Badge>{words.stream}</Badge>}
    </span>
  )
}
