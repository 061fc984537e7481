/** Where a task comes from and what comes of it: its caller, what it called, its session, its schedule, its retry. */
import { isFinal, type RunItem, type RunView, runItemSchema } from '@berth/protocol'
import { useState } from 'react'
import { z } from 'zod'
import { useGet } from '../../api/query.ts'
import { Button } from '../../kit/button.tsx'
import { Link } from '../../kit/link.tsx'
import { RunMark } from '../../kit/marks.tsx'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { Duration } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { functionWords } from '../tasks/task-columns.tsx'

const pageSchema = z.object({ items: z.array(runItemSchema), cursor: z.string().nullable() })
const CHILDREN = 50
const TURNS = 20
const EVERY_MS = 3_000

export function FamilyPanel({ run }: { run: RunView }) {
  const words = text.task.family
  const { parent, retryOf, session, schedule } = run
  return (
    <Panel title={words.title}>
      <KeyValues
        items={[
          { label: words.trigger, value: words.triggers[run.trigger] },
          parent !== null && { label: words.parent, value: <RunLink id={parent} /> },
          retryOf !== null && { label: words.retryOf, value: <RunLink id={retryOf} /> },
          schedule !== null && {
            label: words.schedule,
            value: <Link to={paths.schedule(schedule)}>{visible(schedule)}</Link>,
          },
          session !== null && {
            label: words.session,
            value: <Link to={withQuery(paths.runs(), { session })}>{visible(session)}</Link>,
          },
        ]}
      />
      {session !== null && <Turns session={session} current={run.id} />}
      <Children id={run.id} isOver={isFinal(run.status)} depth={0} />
    </Panel>
  )
}

export function RunLink({ id }: { id: string }) {
  return (
    <Link to={paths.run(id)}>
      <code>{visible(id)}</code>
    </Link>
  )
}

/** The newest turns of a session, the oldest of them first. */
function Turns({ session, current }: { session: string; current: string }) {
  const words = text.task.family
  const { data } = useGet({
    key: ['runs', 'session', session],
    path: '/runs',
    query: { session, limit: TURNS },
    schema: pageSchema,
    everyMs: EVERY_MS,
  })
  if (!data || data.items.length === 0) return null
  const turns = data.items.toReversed()
  return (
    <>
      <h3 className="family-head">{words.turns(turns.length, data.cursor !== null)}</h3>
      <ol className="family">
        {turns.map((turn) => (
          <FamilyRow key={turn.id} run={turn} isCurrent={turn.id === current} />
        ))}
      </ol>
    </>
  )
}

/** What a task called, and what that called, opened level by level. */
function Children({ id, isOver, depth }: { id: string; isOver: boolean; depth: number }) {
  const words = text.task.family
  const { data } = useGet({
    key: ['runs', 'children', id],
    path: '/runs',
    query: { parent: id, limit: CHILDREN },
    schema: pageSchema,
    everyMs: isOver ? undefined : EVERY_MS,
  })
  if (!data || data.items.length === 0) {
    return depth === 0 ? null : <p className="muted">{words.noChildren}</p>
  }
  return (
    <>
      {depth === 0 && (
        <h3 className="family-head">{words.children(data.items.length, data.cursor !== null)}</h3>
      )}
      <ul className="family">
        {data.items.toReversed().map((child) => (
          <Child key={child.id} run={child} depth={depth} />
        ))}
      </ul>
      {data.cursor !== null && (
        <p>
          <Link to={withQuery(paths.runs(), { parent: id, range: '7d' })}>{words.all}</Link>
        </p>
      )}
    </>
  )
}

const MAX_DEPTH = 8

function Child({ run, depth }: { run: RunItem; depth: number }) {
  const [isOpen, setOpen] = useState(false)
  const words = text.task.family
  return (
    <li>
      <div className="family-row">
        {depth < MAX_DEPTH && (
          <Button
            kind="quiet"
            icon={isOpen ? 'down' : 'chevron'}
            isIconOnly
            aria-expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
          >
            {words.open(functionWords(run))}
          </Button>
        )}
        <RunSummary run={run} />
      </div>
      {isOpen && <Children id={run.id} isOver={isFinal(run.status)} depth={depth + 1} />}
    </li>
  )
}

function FamilyRow({ run, isCurrent }: { run: RunItem; isCurrent: boolean }) {
  return (
    <li
      className={isCurrent ? 'family-row family-current' : 'family-row'}
      aria-current={isCurrent || undefined}
    >
      <RunSummary run={run} />
    </li>
  )
}

function RunSummary({ run }: { run: RunItem }) {
  return (
    <>
      <RunMark status={run.status} />
      <Link to={paths.run(run.id)}>{functionWords(run)}</Link>
      <span className="muted">
        <Duration ms={run.runMs} />
      </span>
    </>
  )
}
