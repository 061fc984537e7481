/**
 * Why a task is where it is: one sentence, every worker of the fleet counted under one reason, what holds it back, who
 * came nearest; afterwards who was chosen and what the choice saw. Read again while the task waits or runs.
 */
import { type ExplanationView, explanationSchema, isFinal, type RunView } from '@berth/protocol'
import { useGet } from '../../api/query.ts'
import { useEachSecond, useFeedClient } from '../../feed/use-feed.tsx'
import { Link } from '../../kit/link.tsx'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { ErrorState, Skeleton } from '../../kit/states.tsx'
import { Duration, Instant } from '../../kit/time.tsx'
import { paths } from '../../paths.ts'
import { formatCount, formatDuration, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

const EVERY_MS = 2_000

export function ExplainPanel({ run }: { run: RunView }) {
  const { data, error, refetch } = useGet({
    // What is said of a task that waits is not what is said when it runs.
    key: ['run', run.id, 'explain', run.status, run.attempt, run.priority],
    path: `/runs/${encodeURIComponent(run.id)}/explain`,
    schema: explanationSchema,
    everyMs: isFinal(run.status) ? undefined : EVERY_MS,
    keepsPrevious: true,
  })
  return (
    <Panel title={text.task.explain.title} id="explain">
      {data ? (
        <Explained run={run} explained={data} />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton rows={2} />
      )}
    </Panel>
  )
}

export function Explained({ run, explained }: { run: RunView; explained: ExplanationView }) {
  const words = text.task.explain
  const { hold, heldBy, position, nearest, reasons, candidates, choice } = explained
  return (
    <div className="explain">
      <p className="explain-sentence">
        <Sentence run={run} explained={explained} />
      </p>
      {reasons.length > 0 && <Reasons explained={explained} />}
      {(position ?? heldBy ?? nearest) !== null && (
        <KeyValues
          items={[
            position !== null && { label: words.position, value: words.before(position) },
            heldBy !== null && {
              label: words.held,
              value: hold ? (
                <>
                  {words.holds[hold.kind]}
                  {hold.kind === 'paused' || hold.kind === 'session' ? ` (${visible(heldBy)})` : ''}
                  {hold.until !== null && (
                    <>
                      {', '}
                      {words.until} <Instant at={hold.until} />
                    </>
                  )}
                </>
              ) : (
                visible(heldBy)
              ),
            },
            nearest !== null && {
              label: words.nearest,
              value: (
                <>
                  <Link to={paths.worker(nearest.worker)}>{visible(nearest.worker)}</Link>:{' '}
                  {reasonWords(nearest.code, nearest.reason)}
                </>
              ),
            },
          ]}
        />
      )}
      {candidates.length > 0 && <Scores label={words.candidates} scores={candidates} />}
      {choice !== null && (
        <>
          <p>
            {words.chosen}{' '}
            <Link to={paths.worker(choice.winner.worker)}>{visible(choice.winner.worker)}</Link>,{' '}
            <Instant at={choice.at} isExact />
          </p>
          <Scores label={words.choice} scores={[choice.winner, ...choice.runnersUp]} hasWinner />
        </>
      )}
      {choice === null && explained.verdict === 'ended' && <p className="muted">{words.noChoice}</p>}
    </div>
  )
}

function Sentence({ run, explained }: { run: RunView; explained: ExplanationView }) {
  const client = useFeedClient()
  const words = text.task.explain
  const sinceMs = Date.parse(run.scheduledFor ?? run.createdAt)
  const startedMs = run.startedAt === null ? null : Date.parse(run.startedAt)
  const age = useEachSecond(() => formatDuration(Math.max(0, wholeSeconds(client.serverNowMs() - sinceMs))))
  const ran = useEachSecond(() =>
    startedMs === null ? '' : formatDuration(Math.max(0, wholeSeconds(client.serverNowMs() - startedMs))),
  )
  const worker = explained.worker === null ? null : visible(explained.worker)
  if (explained.verdict === 'running') return words.running(worker, ran)
  if (explained.verdict === 'ended')
    return words.ended(
      text.runStates[run.status],
      worker,
      explained.error && visible(explained.error.message),
    )
  const able = explained.reasons.find(({ code }) => code === 'could_take')?.count ?? 0
  return words.waiting(run.status === 'scheduled' ? null : age, able, explained.workers ?? 0)
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000
}

/** A bar whose parts add up to the fleet, and the same as a list. */
function Reasons({ explained }: { explained: ExplanationView }) {
  const { reasons, workers } = explained
  const words = text.task.explain
  return (
    <figure className="reasons" aria-label={words.reasons}>
      <div className="reasons-bar" aria-hidden="true">
        {reasons.map(({ code, reason, count }) => (
          <span key={reason} className={`reason reason-${code}`} style={{ flexGrow: count }} />
        ))}
      </div>
      <ul className="reasons-list">
        {reasons.map(({ code, reason, count }) => (
          <li key={reason}>
            <span className={`reason-key reason-${code}`} aria-hidden="true" />
            <strong>{formatCount(count)}</strong> {reasonWords(code, reason)}
          </li>
        ))}
      </ul>
      <figcaption className="muted">{words.sum(formatCount(workers))}</figcaption>
    </figure>
  )
}

/** The balancer's own words where ours would say less: it names the tag. */
function reasonWords(code: string, reason: string): string {
  const known = text.task.explain.codes[code as keyof typeof text.task.explain.codes]
  return code === 'tag_mismatch' || known === undefined ? visible(reason) : known
}

function Scores({
  label,
  scores,
  hasWinner,
}: {
  label: string
  scores: ExplanationView['candidates']
  hasWinner?: boolean
}) {
  const words = text.task.explain
  return (
    <div className="scores-box">
      <table className="scores">
        <caption>{label}</caption>
        <thead>
          <tr>
            <th scope="col">{text.tasks.columns.worker}</th>
            <th scope="col">{words.expected}</th>
            <th scope="col">{words.slots}</th>
            <th scope="col">{words.occupancy}</th>
          </tr>
        </thead>
        <tbody>
          {scores.map((score, at) => (
            <tr key={score.worker} className={hasWinner && at === 0 ? 'scores-winner' : undefined}>
              <th scope="row">
                <Link to={paths.worker(score.worker)}>{visible(score.worker)}</Link>
              </th>
              <td>
                <Duration ms={score.expectedMs} />
              </td>
              <td>
                {formatCount(score.used)} / {formatCount(score.limit)}
              </td>
              <td>{formatShare(score.occupancyAfter)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
