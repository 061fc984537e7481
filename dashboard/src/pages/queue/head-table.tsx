/** The next tasks in the order in which they go, each with its place and what it waits for. */
import { type Column, DataTable } from '../../kit/data-table.tsx'
import { Link } from '../../kit/link.tsx'
import { ActionMenu } from '../../kit/menu.tsx'
import { useNavigate } from '../../kit/navigate.ts'
import { EmptyState } from '../../kit/states.tsx'
import { Duration } from '../../kit/time.tsx'
import { paths } from '../../paths.ts'
import { formatCount, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import type { Waiting } from './queue-data.ts'

const words = text.queue.head

interface Props {
  readonly head: readonly Waiting[]
  readonly why: string | undefined
  onPrioritise(task: Waiting): void
  onCancel(task: Waiting): void
}

export function HeadTable({ head, why, onPrioritise, onCancel }: Props) {
  const navigate = useNavigate()
  const columns: readonly Column<Waiting>[] = [
    {
      id: 'position',
      header: words.position,
      isNumber: true,
      width: '64px',
      cell: ({ position }) => formatCount(position),
    },
    {
      id: 'task',
      header: words.task,
      width: '250px',
      cell: ({ id }) => (
        <Link to={paths.run(id)}>
          <code>{visible(id)}</code>
        </Link>
      ),
    },
    {
      id: 'function',
      header: words.function,
      cell: ({ group, contract, function: name }) => (
        <>
          {visible(name)} <span className="muted">{visible(`${group}@${contract}`)}</span>
        </>
      ),
    },
    {
      id: 'priority',
      header: words.priority,
      isNumber: true,
      width: '84px',
      cell: ({ priority }) => formatCount(priority),
    },
    {
      id: 'key',
      header: words.key,
      isMinor: true,
      cell: ({ fairnessKey }) => (fairnessKey === null ? text.unknown : visible(fairnessKey)),
    },
    {
      id: 'waited',
      header: words.waited,
      isNumber: true,
      width: '100px',
      cell: ({ waitedMs }) => <Duration ms={waitedMs} />,
    },
    { id: 'why', header: words.why, isMinor: true, cell: ({ why: word }) => words.whys[word] },
    {
      id: 'actions',
      header: <span className="only-heard">{words.actions}</span>,
      headerText: words.actions,
      width: '44px',
      cell: (task) => (
        <ActionMenu
          label={words.actionsOf(task.id)}
          isIconOnly
          kind="quiet"
          items={[
            { label: words.prioritise, icon: 'up', disabledWhy: why, run: () => onPrioritise(task) },
            { label: words.cancel, icon: 'close', tone: 'bad', disabledWhy: why, run: () => onCancel(task) },
            { label: words.open, href: paths.run(task.id), isApart: true },
          ]}
        />
      ),
    },
  ]
  return (
    <DataTable
      label={words.title}
      rows={head}
      columns={columns}
      rowId={({ id }) => id}
      onOpen={({ id }) => navigate(paths.run(id))}
      maxHeight="60dvh"
      empty={<EmptyState title={words.empty} teach={words.teach} />}
    />
  )
}
