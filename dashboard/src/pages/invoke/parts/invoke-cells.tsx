/**
 * The functions of a page, one below another, and what asks first: where the environment is production a call, and a
 * function that is to run by itself, are confirmed with where they would go. Called by the pages of functions.
 */
import { useEffect, useRef, useState } from 'react'
import { curlOf } from '../../../api/client.ts'
import { ConfirmDialog } from '../../../kit/confirm.tsx'
import { useMe } from '../../../session/use-me.ts'
import { visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import { taskBody } from '../page/task-body.ts'
import type { CellView, Workspace, WorkspaceView } from '../page/workspace.ts'
import { CellPanel } from './cell-panel.tsx'
import { PreviewWords, useCellPreview } from './preview-line.tsx'
import { isProduction } from './production.ts'

interface Props {
  readonly workspace: Workspace
  readonly view: WorkspaceView
  readonly isPlain: boolean
}

type Asked = { readonly id: string; readonly what: 'run' | 'auto' }

export function InvokeCells({ workspace, view, isPlain }: Props) {
  const { environment } = useMe()
  const [asked, setAsked] = useState<Asked | null>(null)
  const shown = isPlain ? view.cells.filter(({ cell }) => !cell.isHidden) : view.cells
  const isAsking = isProduction(environment)
  // A page that somebody else has saved, or sent, runs nothing by itself here before it was asked about.
  useEffect(() => {
    if (isAsking) workspace.disarm()
  }, [isAsking, workspace])
  const run = (id: string) => {
    const isMissing = view.cells.find((one) => one.cell.id === id)?.state.block?.why === 'input'
    // Nothing to ask about: the form says what is missing.
    if (isMissing) return
    if (isAsking) setAsked({ id, what: 'run' })
    else workspace.run(id)
  }
  const setAuto = (id: string, isAuto: boolean) => {
    if (isAuto && isAsking) setAsked({ id, what: 'auto' })
    else workspace.change(id, { isAuto })
  }
  const cell = asked && view.cells.find((one) => one.cell.id === asked.id)
  return (
    <div className="invoke-cells">
      {shown.map((one) => (
        <CellPanel
          key={one.cell.id}
          view={one}
          cells={view.cells}
          workspace={workspace}
          isPlain={isPlain}
          onRun={run}
          onAuto={setAuto}
        />
      ))}
      {asked && cell && (
        <ConfirmCall
          asked={asked}
          cell={cell}
          environment={environment ?? ''}
          onConfirm={() => {
            if (asked.what === 'run') workspace.run(asked.id)
            else workspace.change(asked.id, { isAuto: true })
          }}
          onClose={() => setAsked(null)}
        />
      )}
    </div>
  )
}

function ConfirmCall({
  asked,
  cell,
  environment,
  onConfirm,
  onClose,
}: {
  asked: Asked
  cell: CellView
  environment: string
  onConfirm(): void
  onClose(): void
}) {
  // What is asked about must not change under the question.
  const { current: view } = useRef(cell)
  const preview = useCellPreview(view.cell, true)
  const name = visible(view.cell.function)
  const words = text.invoke.confirm
  return (
    <ConfirmDialog
      title={asked.what === 'run' ? words.run(name, environment) : words.auto(name, environment)}
      reason="none"
      isLoading={preview === undefined}
      equivalent={curlOf({
        method: 'POST',
        path: '/task',
        body: taskBody(view.cell, view.sent ?? view.cell.input),
      })}
      confirmLabel={asked.what === 'run' ? text.invoke.runIt : words.turnOn}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      <p>{asked.what === 'run' ? words.runDetail : words.autoDetail}</p>
      {preview && (
        <p>
          <PreviewWords preview={preview} />
        </p>
      )}
    </ConfirmDialog>
  )
}
