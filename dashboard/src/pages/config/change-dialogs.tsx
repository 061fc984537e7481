/** Asks before the list is changed, with its dry run in numbers: applying a draft, rolling back to a version. */
import { curlOf } from '../../api/client.ts'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { text } from '../../text/text.ts'
import { PATH, type Proposal, usePreview } from './config-data.ts'
import { factsOf, isHarmful, Refusal } from './preview-panel.tsx'

interface ApplyProps {
  readonly draft: string
  readonly etag: string | null
  onConfirm(reason: string): Promise<unknown>
  onClose(): void
}

export function ApplyDialog({ draft, etag, onConfirm, onClose }: ApplyProps) {
  const headers: Record<string, string> = etag === null ? { 'if-none-match': '*' } : { 'if-match': etag }
  return (
    <ChangeDialog
      title={text.config.apply.title}
      confirmLabel={text.config.apply.confirm}
      proposal={{ text: draft }}
      refusedWhy={text.config.problems.fixFirst}
      equivalent={curlOf({ method: 'PUT', path: PATH, headers, file: 'workers.json' })}
      onConfirm={onConfirm}
      onClose={onClose}
    />
  )
}

interface RollbackProps extends Pick<ApplyProps, 'onConfirm' | 'onClose'> {
  readonly version: number
}

export function RollbackDialog({ version, onConfirm, onClose }: RollbackProps) {
  return (
    <ChangeDialog
      title={text.config.rollback.title(version)}
      confirmLabel={text.config.rollback.confirm}
      proposal={{ version }}
      refusedWhy={text.config.rollback.cannot}
      equivalent={curlOf({ method: 'POST', path: `${PATH}/rollback`, body: { version } })}
      onConfirm={onConfirm}
      onClose={onClose}
    />
  )
}

interface Props extends Pick<ApplyProps, 'onConfirm' | 'onClose'> {
  readonly title: string
  readonly confirmLabel: string
  readonly proposal: Proposal
  readonly refusedWhy: string
  readonly equivalent: string
}

function ChangeDialog({ proposal, refusedWhy, ...rest }: Props) {
  const { data: preview, isLoading } = usePreview(proposal)
  const isRefused = preview?.ok === false
  return (
    <ConfirmDialog
      {...rest}
      tone={preview && isHarmful(preview) ? 'bad' : undefined}
      facts={preview?.ok ? factsOf(preview) : undefined}
      isLoading={isLoading}
      disabledWhy={isRefused && refusedWhy}
    >
      {isRefused && preview && <Refusal preview={preview} />}
    </ConfirmDialog>
  )
}
