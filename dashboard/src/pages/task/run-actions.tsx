/** The buttons above a task and what they ask: cancel, retry, retry with edits, next turn, priority, delete, copy. */
import { isFinal, type RunView } from '@berth/protocol'
import { useState } from 'react'
import { curlOf } from '../../api/client.ts'
import { Button } from '../../kit/button.tsx'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { CopyMenu, copyText } from '../../kit/copy.tsx'
import { ActionMenu } from '../../kit/menu.tsx'
import { Duration } from '../../kit/time.tsx'
import { useToasts } from '../../kit/toasts.tsx'
import { paths } from '../../paths.ts'
import { useKeys } from '../../shell/keys.ts'
import { formatCount } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { InputDialog } from './input-dialog.tsx'
import { PriorityDialog } from './priority-dialog.tsx'
import { useRunActions } from './use-run-actions.ts'

type Asking = 'cancel' | 'edit' | 'continue' | 'priority' | 'delete' | null

export function RunActions({ run }: { run: RunView }) {
  const words = text.task.actions
  const { cancel, retry, next, prioritise, remove, whyNot } = useRunActions(run)
  const [asking, setAsking] = useState<Asking>(null)
  const showToast = useToasts()
  const close = () => setAsking(null)
  const path = `/runs/${encodeURIComponent(run.id)}`
  const copyTask = async () => {
    const isDone = await copyText(curlOf({ method: 'POST', path: '/task', body: taskOf(run) }))
    showToast({ tone: isDone ? 'ok' : 'warn', title: isDone ? text.kit.copied : text.kit.copyFailed })
  }
  useKeys({
    c: { label: text.tasks.keys.cancel, run: () => whyNot.cancel === undefined && setAsking('cancel') },
    r: { label: text.tasks.keys.retry, run: () => whyNot.retry === undefined && void retry.start({}, '') },
    e: {
      label: text.tasks.keys.explain,
      run: () => document.getElementById('explain')?.scrollIntoView({ block: 'start' }),
    },
  })
  return (
    <>
      {isFinal(run.status) ? (
        <Button
          kind="primary"
          icon="retry"
          pending={retry.isPending}
          disabledWhy={whyNot.retry}
          onClick={() => void retry.start({}, '')}
        >
          {words.retry}
        </Button>
      ) : (
        <Button
          icon="stop"
          disabledWhy={whyNot.cancel}
          pending={cancel.isPending}
          onClick={() => setAsking('cancel')}
        >
          {words.cancel}
        </Button>
      )}
      <CopyMenu id={run.id} curl={curlOf({ method: 'GET', path })} link={paths.run(run.id)} />
      <ActionMenu
        label={words.more}
        items={[
          { label: words.edit, icon: 'edit', run: () => setAsking('edit'), disabledWhy: whyNot.retry },
          {
            label: words.continue,
            icon: 'play',
            run: () => setAsking('continue'),
            disabledWhy: whyNot.continue,
          },
          {
            label: words.priority,
            icon: 'up',
            run: () => setAsking('priority'),
            disabledWhy: whyNot.priority,
          },
          { label: words.copyTask, icon: 'copy', run: () => void copyTask(), isApart: true },
          {
            label: words.delete,
            icon: 'bin',
            tone: 'bad',
            run: () => setAsking('delete'),
            disabledWhy: whyNot.delete,
            isApart: true,
          },
        ]}
      />
      {asking === 'cancel' && (
        <ConfirmDialog
          title={words.cancelTitle}
          tone="bad"
          facts={cancelFacts(run)}
          equivalent={curlOf({ method: 'POST', path: `${path}/cancel`, body: {} })}
          confirmLabel={words.cancelConfirm}
          dismissLabel={words.keep}
          onConfirm={(reason) => cancel.start(reason)}
          onClose={close}
        >
          <p className="dialog-lead">
            {run.status === 'running' ? words.cancelRunning : words.cancelWaiting}
          </p>
        </ConfirmDialog>
      )}
      {asking === 'edit' && (
        <InputDialog
          run={run}
          title={words.edit}
          lead={words.editLead}
          hasPriority
          confirmLabel={words.retry}
          curlPath={`${path}/retry`}
          onConfirm={({ input, priority }, reason) => retry.start({ input, priority }, reason)}
          onClose={close}
        />
      )}
      {asking === 'continue' && (
        <InputDialog
          run={run}
          title={words.continue}
          lead={run.session === null ? words.continueFirst : words.continueLead(run.session)}
          confirmLabel={words.continueConfirm}
          curlPath={`${path}/continue`}
          onConfirm={({ input }, reason) => next.start(input, reason)}
          onClose={close}
        />
      )}
      {asking === 'priority' && (
        <PriorityDialog
          run={run}
          onConfirm={(priority, reason) => prioritise.start(priority, reason, run.priority)}
          onClose={close}
        />
      )}
      {asking === 'delete' && (
        <ConfirmDialog
          title={words.deleteTitle}
          tone="bad"
          equivalent={curlOf({ method: 'DELETE', path })}
          confirmLabel={words.deleteConfirm}
          dismissLabel={words.keep}
          onConfirm={(reason) => remove.start(reason)}
          onClose={close}
        >
          <p className="dialog-lead">{words.deleteLead}</p>
        </ConfirmDialog>
      )}
    </>
  )
}

function cancelFacts(run: RunView) {
  const words = text.task.actions
  const sinceMs = Date.parse(run.startedAt ?? run.createdAt)
  return [
    {
      label: run.startedAt === null ? words.waited : words.ran,
      value: <Duration ms={Math.max(0, Math.floor((Date.now() - sinceMs) / 1_000) * 1_000)} />,
    },
    { label: words.attemptsSoFar, value: formatCount(run.attempt) },
  ]
}

/** The same task for `POST /task`. */
function taskOf(run: RunView): object {
  const { group, contract, priority, mode, metadata, session, budget } = run
  return {
    function: run.function,
    ...(group === 'default' ? {} : { group }),
    ...(contract === null ? {} : { contract }),
    input: run.input ?? {},
    priority,
    mode: mode === 'webhook' ? 'async' : mode,
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    ...(session === null ? {} : { session }),
    ...(budget === null ? {} : { budget }),
  }
}
