/** One function on the page: what goes in, how it is called, what comes out. */
import { useState } from 'react'
import { curlOf } from '../../../api/client.ts'
import { Badge } from '../../../kit/badge.tsx'
import { Button } from '../../../kit/button.tsx'
import { copyText } from '../../../kit/copy.tsx'
import { Link } from '../../../kit/link.tsx'
import { ActionMenu } from '../../../kit/menu.tsx'
import { ErrorState, Skeleton } from '../../../kit/states.tsx'
import { Switch } from '../../../kit/switch.tsx'
import { useToasts } from '../../../kit/toasts.tsx'
import { paths } from '../../../paths.ts'
import { useMayOperate } from '../../../session/use-me.ts'
import { visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import { OutputPane } from '../output/output-pane.tsx'
import { taskBody } from '../page/task-body.ts'
import type { CellView, Workspace } from '../page/workspace.ts'
import { cellName } from './cell-name.ts'
import { useFunction, useFunctions } from './functions-data.ts'
import { InputPane } from './input-pane.tsx'
import { OptionsPane } from './options-pane.tsx'
import { PreviewLine } from './preview-line.tsx'
import { RenameDialog } from './rename-dialog.tsx'

interface Props {
  readonly view: CellView
  readonly cells: readonly CellView[]
  readonly workspace: Workspace
  /** The view for colleagues. */
  readonly isPlain: boolean
  /** Asks first where it must. */
  onRun(id: string): void
  onAuto(id: string, isAuto: boolean): void
}

export function CellPanel(props: Props) {
  const { view, cells, workspace, isPlain } = props
  const { cell } = view
  const { item, error, refetch } = useFunction(cell.group, cell.function, cell.contract)
  const contracts =
    useFunctions().data?.items.filter((one) => one.group === cell.group && one.name === cell.function) ?? []
  const [isOpen, setOpen] = useState(false)
  const [isTried, setTried] = useState(false)
  const run = () => {
    setTried(true)
    props.onRun(cell.id)
  }
  const heading = isPlain ? visible(cell.title ?? cell.function) : cellName(cell)
  return (
    <section
      className="panel kit-panel invoke-cell"
      aria-label={heading}
      data-cell={cell.id}
      data-phase={view.state.phase}
    >
      <div className="kit-panel-head">
        <h2>{cells.length > 1 || isPlain ? heading : visible(cell.title ?? cell.function)}</h2>
        {!isPlain && (
          <>
            <Link to={paths.function(cell.group, cell.function)} className="muted">
              {visible(`${cell.group}/${cell.function}`)}
            </Link>
            {cell.isHidden && <Badge>{text.invoke.hidden}</Badge>}
          </>
        )}
        <div className="kit-panel-actions">{!isPlain && <CellActions {...props} />}</div>
      </div>
      <div className="invoke-columns">
        <form
          className="invoke-column"
          noValidate
          onSubmit={(event) => {
            event.preventDefault()
            run()
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
            event.preventDefault()
            run()
          }}
        >
          {item?.description && <p className="muted">{visible(item.description)}</p>}
          {error && item === undefined && <ErrorState error={error} onRetry={() => void refetch()} />}
          {item === undefined && !error && <Skeleton rows={3} />}
          {item === null && <p className="form-error">{text.invoke.unknown(cell.group, cell.function)}</p>}
          {item && (
            <InputPane
              view={view}
              item={item}
              workspace={workspace}
              cells={cells}
              isPlain={isPlain}
              isTried={isTried || view.call !== null}
            />
          )}
          <RunBar {...props} />
        </form>
        <div className="invoke-column invoke-output">
          <OutputPane view={view} isPlain={isPlain} onShow={(show) => workspace.change(cell.id, { show })} />
        </div>
      </div>
      {!isPlain && (
        <details className="invoke-more" onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>
            {text.invoke.options.title} <OptionsSummary view={view} />
          </summary>
          {isOpen && (
            <>
              <OptionsPane view={view} contracts={contracts} workspace={workspace} />
              <PreviewLine cell={cell} isWanted={isOpen} />
            </>
          )}
        </details>
      )}
    </section>
  )
}

function OptionsSummary({ view: { cell, files } }: { view: CellView }) {
  const parts = [
    cell.mode !== 'sync' && cell.mode,
    cell.priority !== null && text.invoke.options.summary.priority(cell.priority),
    cell.tags !== null && text.invoke.options.summary.tags(Object.keys(cell.tags).length),
    files.length > 0 && text.invoke.options.summary.files(files.length),
    cell.session !== null && text.invoke.options.summary.session(visible(cell.session)),
  ]
  return <span className="muted">{parts.filter(Boolean).join(' · ')}</span>
}

function RunBar({ view, cells, workspace, isPlain, onAuto }: Props) {
  const { cell, state } = view
  const { may, why } = useMayOperate()
  const isUnderWay = state.phase === 'running' || state.phase === 'due' || state.phase === 'waiting'
  return (
    <div className="row invoke-run">
      {/* The form's own button: Enter in a field presses it. */}
      <Button kind="primary" icon="play" type="submit" disabledWhy={!may && why}>
        {text.invoke.runIt}
      </Button>
      {isUnderWay && (
        <Button icon="stop" onClick={() => workspace.cancel(cell.id)}>
          {text.invoke.cancelIt}
        </Button>
      )}
      {!isPlain && (
        <Switch
          label={text.invoke.auto}
          checked={cell.isAuto}
          disabledWhy={!may && why}
          onChange={(next) => onAuto(cell.id, next)}
        >
          {text.invoke.auto}
        </Switch>
      )}
      <PhaseWords view={view} cells={cells} />
    </div>
  )
}

/** Why it does not run although somebody may expect it to. */
function PhaseWords({ view: { state }, cells }: { view: CellView; cells: readonly CellView[] }) {
  const { block, phase } = state
  const nameOf = (id: string) => {
    const source = cells.find((one) => one.cell.id === id)
    return source ? cellName(source.cell) : id.toUpperCase()
  }
  if (phase === 'waiting') return <span className="muted">{text.invoke.phases.waiting}</span>
  if (phase === 'due') return <span className="muted">{text.invoke.phases.due}</span>
  if (phase === 'running' || block === null || block.why === 'no-output') return null
  if (block.why === 'input') return <span className="muted">{text.invoke.phases.input}</span>
  if (block.why === 'no-value')
    return (
      <span className="form-error">
        {text.invoke.phases.noValue(nameOf(block.cell), visible(block.pointer))}
      </span>
    )
  return <span className="form-error">{text.invoke.phases.failed(nameOf(block.cell))}</span>
}

function CellActions({ view, cells, workspace }: Props) {
  const { cell, sent } = view
  const [isNaming, setNaming] = useState(false)
  const showToast = useToasts()
  const at = cells.findIndex((one) => one.cell.id === cell.id)
  const curl = curlOf({ method: 'POST', path: '/task', body: taskBody(cell, sent ?? cell.input) })
  const copy = async () => {
    const isDone = await copyText(curl)
    showToast(
      isDone
        ? { tone: 'ok', title: text.kit.copied }
        : { tone: 'warn', title: text.kit.copyFailed, detail: curl },
    )
  }
  return (
    <>
      <ActionMenu
        label={text.invoke.cellMenu(cellName(cell))}
        isIconOnly
        kind="quiet"
        items={[
          { label: text.kit.copyCurl, icon: 'copy', run: () => void copy() },
          { label: text.invoke.rename, icon: 'edit', run: () => setNaming(true) },
          {
            label: cell.isHidden ? text.invoke.unhide : text.invoke.hide,
            run: () => void workspace.change(cell.id, { isHidden: !cell.isHidden }),
          },
          at > 0 && { label: text.invoke.moveUp, icon: 'up', run: () => workspace.move(cell.id, -1) },
          at < cells.length - 1 && {
            label: text.invoke.moveDown,
            icon: 'down',
            run: () => workspace.move(cell.id, 1),
          },
          cells.length > 1 && {
            label: text.invoke.removeCell,
            icon: 'bin',
            tone: 'bad',
            isApart: true,
            run: () => workspace.remove(cell.id),
          },
        ]}
      />
      {isNaming && (
        <RenameDialog
          name={cell.title ?? ''}
          onName={(title) => void workspace.change(cell.id, { title: title === '' ? null : title })}
          onClose={() => setNaming(false)}
        />
      )}
    </>
  )
}
