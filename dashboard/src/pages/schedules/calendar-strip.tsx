/** The next 24 hours of all schedules: a row each, a mark at each instant; also as a table for who cannot see it. */
import type { CSSProperties } from 'react'
import { Link } from '../../kit/link.tsx'
import { Panel } from '../../kit/page.tsx'
import { paths } from '../../paths.ts'
import { useZone } from '../../shell/zone.ts'
import { formatInstantIn, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type Calendar, useCalendar } from './schedule-queries.ts'

const ROWS = 12
const HOUR_MS = 3_600_000
const LINES_EVERY_HOURS = 3

export function CalendarStrip({ group }: { group: string | null }) {
  const { data } = useCalendar()
  const [zone] = useZone()
  if (!data) return null
  const items = data.items.filter((item) => group === null || item.group === group)
  if (items.length === 0) return null
  const place = (ms: number) =>
    ((ms - Date.parse(data.from)) / (Date.parse(data.to) - Date.parse(data.from))) * 100
  return (
    <Panel title={text.schedules.calendar} unit={text.schedules.calendarUnit}>
      <div className="strip">
        <div className="strip-hours" aria-hidden="true">
          {hoursOf(data).map((ms) => (
            <span key={ms} style={{ '--at': `${place(ms)}%` } as CSSProperties}>
              {formatInstantIn(ms, zone, { nowMs: ms }).slice(0, 5)}
            </span>
          ))}
        </div>
        <ul>
          {items.slice(0, ROWS).map((item) => (
            <Row key={item.id} item={item} place={place} />
          ))}
        </ul>
        {(items.length > ROWS || data.isCapped) && (
          <p className="muted">{text.schedules.calendarMore(items.length - ROWS, data.isCapped)}</p>
        )}
      </div>
    </Panel>
  )
}

function Row({ item, place }: { item: Calendar['items'][number]; place(ms: number): number }) {
  const [zone] = useZone()
  const first = item.instants[0] ?? ''
  const when = formatInstantIn(Date.parse(first), zone)
  const words = item.isDense
    ? text.schedules.calendarDense(when)
    : text.schedules.calendarRow(item.instants.length, when)
  return (
    <li className="strip-row">
      <Link to={paths.schedule(item.id)} className="strip-name" title={`${item.group}/${item.function}`}>
        {visible(item.function)}
      </Link>
      <span className="only-heard">{words}</span>
      <span
        className={item.isDense ? 'strip-line strip-dense' : 'strip-line'}
        title={words}
        aria-hidden="true"
      >
        {!item.isDense &&
          item.instants.map((at) => (
            <span
              key={at}
              className="strip-mark"
              style={{ '--at': `${place(Date.parse(at))}%` } as CSSProperties}
            />
          ))}
      </span>
    </li>
  )
}

/** Full hours, every third, in the strip. */
function hoursOf({ from, to }: Calendar): readonly number[] {
  const hours: number[] = []
  for (let ms = Math.ceil(Date.parse(from) / HOUR_MS) * HOUR_MS; ms < Date.parse(to); ms += HOUR_MS)
    if (new Date(ms).getHours() % LINES_EVERY_HOURS === 0) hours.push(ms)
  return hours
}
