/** How a function is called: mode, priority, tags, limits, files; and where the task would go. */
import type { FormCell } from '@berth/protocol'
import { Button } from '../../../kit/button.tsx'
import { Chip } from '../../../kit/chip.tsx'
import { Field } from '../../../kit/field.tsx'
import { Select } from '../../../kit/select.tsx'
import { formatCount } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import type { CellView, Workspace } from '../page/workspace.ts'
import { FilePicker } from './file-picker.tsx'
import type { FunctionItem } from './functions-data.ts'
import { TagPicker } from './tag-picker.tsx'

interface Props {
  readonly view: CellView
  readonly contracts: readonly FunctionItem[]
  readonly workspace: Workspace
}

const MODES = ['sync', 'stream', 'async', 'webhook'] as const

export function OptionsPane({ view, contracts, workspace }: Props) {
  const { cell, files } = view
  const words = text.invoke.options
  const set = (patch: Partial<FormCell>) => workspace.change(cell.id, patch)
  const item = contracts.find(({ contract }) => contract === cell.contract) ?? contracts[0]
  const canStream = item?.supportsStreaming ?? false
  return (
    <div className="invoke-options">
      <div className="form-field">
        <span className="form-label">{words.mode}</span>
        <Select
          label={words.mode}
          value={cell.mode}
          onChange={(mode) => set({ mode })}
          options={MODES.map((mode) => ({
            value: mode,
            label: mode,
            detail: mode === 'stream' && !canStream ? words.noStream : words.modes[mode],
          }))}
        />
      </div>
      {contracts.length > 1 && (
        <div className="form-field">
          <span className="form-label">{words.contract}</span>
          <Select
            label={words.contract}
            value={String(cell.contract ?? '')}
            onChange={(contract) => set({ contract: contract === '' ? null : Number(contract) })}
            options={[
              { value: '', label: words.defaultContract },
              ...contracts.map(({ contract }) => ({ value: String(contract), label: String(contract) })),
            ]}
          />
        </div>
      )}
      <NumberOption
        label={words.priority}
        hint={words.priorityHint}
        value={cell.priority}
        max={2_097_152}
        onChange={(priority) => set({ priority })}
      />
      <NumberOption
        label={words.timeout}
        hint={words.timeoutHint}
        value={cell.timeout}
        max={2_147_483_647}
        onChange={(timeout) => set({ timeout })}
      />
      <Field label={words.session} hint={words.sessionHint}>
        {(wired) => (
          <input
            {...wired}
            className="field"
            value={cell.session ?? ''}
            pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,127}"
            autoComplete="off"
            spellCheck={false}
            onChange={({ target }) => set({ session: target.value === '' ? null : target.value })}
          />
        )}
      </Field>
      {cell.mode === 'webhook' && (
        <Field label={words.webhook} hint={words.webhookHint} isRequired>
          {(wired) => (
            <input
              {...wired}
              className="field"
              type="url"
              value={cell.webhook ?? ''}
              placeholder="https://"
              autoComplete="off"
              onChange={({ target }) => set({ webhook: target.value === '' ? null : target.value })}
            />
          )}
        </Field>
      )}
      <TagPicker tags={cell.tags} onChange={(tags) => set({ tags })} />
      <div className="form-field">
        <span className="form-label">{words.files}</span>
        <div className="row">
          {files.map((file) => (
            <Chip
              key={file.name}
              name={file.name}
              value={words.bytes(formatCount(file.size))}
              onRemove={() =>
                workspace.setFiles(
                  cell.id,
                  files.filter((own) => own !== file),
                )
              }
            />
          ))}
          <FilePicker
            label={words.addFiles}
            onFiles={(more) => workspace.setFiles(cell.id, unique([...files, ...more]))}
          />
        </div>
        <p className="form-hint">
          {cell.mode === 'stream' && files.length > 0 ? words.noFilesInStream : words.filesHint}
        </p>
      </div>
      <div className="row">
        <Button kind="quiet" icon="undo" onClick={() => set(PLAIN)}>
          {words.reset}
        </Button>
      </div>
    </div>
  )
}

const PLAIN = {
  mode: 'sync',
  contract: null,
  priority: null,
  timeout: null,
  session: null,
  webhook: null,
  tags: null,
} as const

/** The later of two of one name: each path is given once. */
function unique(files: readonly File[]): File[] {
  return [...new Map(files.map((file) => [file.name, file])).values()].slice(0, 100)
}

function NumberOption({
  label,
  hint,
  value,
  max,
  onChange,
}: {
  label: string
  hint: string
  value: number | null
  max: number
  onChange(value: number | null): void
}) {
  const change = (typed: string) => {
    const number = Number(typed)
    if (typed === '') onChange(null)
    else if (Number.isSafeInteger(number) && number >= 1 && number <= max) onChange(number)
  }
  return (
    <Field label={label} hint={hint}>
      {(wired) => (
        <input
          {...wired}
          className="field invoke-number"
          inputMode="numeric"
          value={value ?? ''}
          placeholder={text.invoke.options.byDefault}
          autoComplete="off"
          onChange={({ target }) => change(target.value.trim())}
        />
      )}
    </Field>
  )
}
