/** The last outcomes of a schedule as ticks (C15): told by height and colour, summed up in words, led to by links. */
import { Link } from '../../kit/link.tsx'
import { paths } from '../../paths.ts'
import { useZone } from '../../shell/zone.ts'
import { formatInstantIn, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { countOf, OUTCOMES, type Tick } from './outcomes.ts'

export function OutcomeTicks({ ticks, isLarge }: { ticks: readonly Tick[] | undefined; isLarge?: boolean }) {
  const [zone] = useZone()
  if (ticks === undefined) return <span className="bone" aria-hidden="true" />
  if (ticks.length === 0) return <span className="unknown">{text.schedules.neverRan}</span>
  const words = (tick: Tick) =>
    text.schedules.tick(
      text.schedules.outcomes[tick.outcome],
      formatInstantIn(Date.parse(tick.at), zone),
      tick.count,
    ) + (tick.reason === null ? '' : `: ${visible(tick.reason)}`)
  return (
    <figure className={isLarge ? 'ticks ticks-large' : 'ticks'}>
      <figcaption className="only-heard">{summaryOf(ticks)}</figcaption>
      <div className="ticks-row" aria-hidden={isLarge ? undefined : true}>
        {ticks.map((tick) =>
          isLarge && tick.run !== null ? (
            <Link
              key={tick.key}
              to={paths.run(tick.run)}
              className={`tick tick-${tick.outcome}`}
              title={words(tick)}
              aria-label={words(tick)}
            />
          ) : (
            <span key={tick.key} className={`tick tick-${tick.outcome}`} title={words(tick)} />
          ),
        )}
      </div>
    </figure>
  )
}

export function summaryOf(ticks: readonly Tick[]): string {
  const parts = OUTCOMES.map((outcome) => ({ outcome, n: countOf(ticks, outcome) })).filter(({ n }) => n > 0)
  return text.schedules.lastOutcomes(
    ticks.length,
    parts.map(({ outcome, n }) => `${n} ${text.schedules.outcomes[outcome]}`).join(', '),
  )
}

/** What the colours mean, with how many of each there are. */
export function TickLegend({ ticks }: { ticks: readonly Tick[] }) {
  return (
    <ul className="ticks-legend">
      {OUTCOMES.map((outcome) => ({ outcome, n: countOf(ticks, outcome) }))
        .filter(({ n }) => n > 0)
        .map(({ outcome, n }) => (
          <li key={outcome}>
            <span className={`tick tick-${outcome}`} aria-hidden="true" /> {n}{' '}
            {text.schedules.outcomes[outcome]}
          </li>
        ))}
    </ul>
  )
}
