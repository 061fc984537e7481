/** A dry run in numbers: as a panel beside the editor, and as facts in the dialogs that ask before a change. */
import type { ReactNode } from 'react'
import type { Fact } from '../../kit/confirm.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { ErrorState } from '../../kit/states.tsx'
import { formatCount, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import type { Preview } from './config-data.ts'

const SHOWN = 6

export function factsOf(preview: Preview): Fact[] {
  const words = text.config.preview
  const { added, removed, changed, slotsLost, slotsLostShare, running, functionsLeft, workers } = preview
  return [
    { label: words.added, value: formatCount(added.length) },
    {
      label: words.removed,
      value: formatCount(removed.length),
      tone: removed.length > 0 ? 'warn' : undefined,
    },
    { label: words.changed, value: formatCount(changed.length) },
    {
      label: words.slotsLost,
      value: slotsLost === 0 ? '0' : `${formatCount(slotsLost)} (${formatShare(slotsLostShare)})`,
      tone: slotsLost > 0 ? 'warn' : undefined,
    },
    { label: words.running, value: formatCount(running), tone: running > 0 ? 'warn' : undefined },
    {
      label: words.functionsLeft,
      value: functionsLeft.length === 0 ? words.none : functionsLeft.map(nameOf).slice(0, SHOWN).join(', '),
      tone: functionsLeft.length > 0 ? 'bad' : undefined,
    },
    { label: words.workers, value: formatCount(workers) },
  ]
}

/** Whether a dialog must not look harmless. */
export function isHarmful({ functionsLeft, slotsLostShare }: Preview): boolean {
  return functionsLeft.length > 0 || slotsLostShare > 0.5
}

function nameOf({ group, contract, name }: Preview['functionsLeft'][number]): string {
  return visible(`${group}@${contract}/${name}`)
}

interface PanelProps {
  readonly preview: Preview | undefined
  readonly error: Error | null
  readonly isCounting: boolean
  onRetry(): void
}

export function PreviewPanel({ preview, error, isCounting, onRetry }: PanelProps) {
  const words = text.config.preview
  return (
    <Panel title={words.title} unit={isCounting ? words.waiting : undefined} className="config-preview">
      {error ? (
        <ErrorState error={error} onRetry={onRetry} />
      ) : preview === undefined ? (
        <p className="muted">{words.idle}</p>
      ) : preview.ok ? (
        <Effect preview={preview} />
      ) : (
        <Refusal preview={preview} />
      )}
    </Panel>
  )
}

/** The names behind the numbers. */
export function Effect({ preview }: { preview: Preview }) {
  const words = text.config.preview
  const { added, removed, changed, warnings, functionsLeft } = preview
  const isSame = added.length + removed.length + changed.length === 0
  return (
    <div className="config-effect">
      {isSame && <p className="muted">{words.noChange}</p>}
      <KeyValues
        items={[
          { label: words.slotsLost, value: <SlotsLost preview={preview} /> },
          {
            label: words.running,
            value: preview.running === 0 ? '0' : `${formatCount(preview.running)}. ${words.finish}`,
          },
          {
            label: words.functionsLeft,
            value:
              functionsLeft.length === 0 ? (
                words.none
              ) : (
                <Names tone="bad" names={functionsLeft.map(nameOf)} />
              ),
          },
          { label: words.workers, value: formatCount(preview.workers) },
        ]}
      />
      <Section title={words.added} names={added} />
      <Section title={words.removed} names={removed} tone="warn" />
      <Section title={words.changed} names={changed.map(({ id, fields }) => words.fields(id, fields))} />
      <Section title={words.warnings} names={warnings} tone="warn" />
    </div>
  )
}

function SlotsLost({ preview: { slotsLost, slotsLostShare } }: { preview: Preview }) {
  if (slotsLost === 0) return <>0</>
  return (
    <span className="config-marked tone-warn">
      <ToneMark tone="warn" />
      {formatCount(slotsLost)}, {text.config.preview.ofService(formatShare(slotsLostShare))}
    </span>
  )
}

function Section({ title, names, tone }: { title: string; names: readonly string[]; tone?: 'warn' | 'bad' }) {
  if (names.length === 0) return null
  return (
    <div className="config-names">
      <h3>
        {title} <span className="muted">{formatCount(names.length)}</span>
      </h3>
      <Names names={names} tone={tone} />
    </div>
  )
}

function Names({ names, tone }: { names: readonly string[]; tone?: 'warn' | 'bad' | undefined }): ReactNode {
  const rest = names.length - SHOWN
  return (
    <ul className="config-name-list">
      {names.slice(0, SHOWN).map((name) => (
        <li key={name} className="config-marked">
          {tone && <ToneMark tone={tone} />}
          <code>{visible(name)}</code>
        </li>
      ))}
      {rest > 0 && <li className="muted">{text.config.preview.more(rest)}</li>}
    </ul>
  )
}

export function Refusal({ preview }: { preview: Preview }) {
  const { at, whole } = text.config.problems
  return (
    <div className="config-effect">
      <p className="config-marked">
        <ToneMark tone="bad" />
        {text.config.preview.refused}
      </p>
      <ul className="config-name-list">
        {preview.errors.slice(0, SHOWN).map(({ line, column, pointer, detail }) => (
          <li key={`${pointer} ${detail}`}>
            <span className="muted">{line === undefined ? whole : at(line, column ?? 1)}</span>{' '}
            {visible(detail)}
          </li>
        ))}
      </ul>
    </div>
  )
}
