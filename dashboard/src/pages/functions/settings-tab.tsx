/**
 * How a function is run and limited: in the background, kept warm, how many at once, how often, which contract. What
 * hurts is confirmed with numbers; every change can be taken back.
 */
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { curlOf } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { Button } from '../../kit/button.tsx'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { Field } from '../../kit/field.tsx'
import { Panel } from '../../kit/page.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { Select } from '../../kit/select.tsx'
import { ErrorState, Skeleton } from '../../kit/states.tsx'
import { useMayOperate } from '../../session/use-me.ts'
import { formatCount, formatRate } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import type { CatalogueEntry } from '../invoke/parts/functions-data.ts'
import { type FunctionSettings, settingsKey, settingsPath, useDemand, useSettings } from './function-data.ts'
import { patch } from './pause-dialog.tsx'
import {
  beginWishes,
  PERIODS,
  type Period,
  readWishes,
  type SettingsChange,
  type Wishes,
} from './settings-wishes.ts'

export function SettingsTab({ entry, onPause }: { entry: CatalogueEntry; onPause(): void }) {
  const settings = useSettings(entry.group, entry.name)
  if (settings.error && !settings.data)
    return <ErrorState error={settings.error} onRetry={() => void settings.refetch()} />
  if (!settings.data) return <Skeleton rows={6} />
  return <SettingsForm entry={entry} settings={settings.data} onPause={onPause} />
}

function SettingsForm({
  entry,
  settings,
  onPause,
}: {
  entry: CatalogueEntry
  settings: FunctionSettings
  onPause(): void
}) {
  const { group, name, contracts } = entry
  /** What was touched here, and nothing else: what others change meanwhile stays as they want it. */
  const [wishes, setWishes] = useState<Partial<Wishes>>()
  const [asked, setAsked] = useState<SettingsChange>()
  const { may, why } = useMayOperate()
  const queries = useQueryClient()
  const shown = { ...beginWishes(settings), ...wishes }
  const set = (change: Partial<Wishes>) => setWishes({ ...wishes, ...change })
  const read = readWishes(shown, settings)
  const { start, isPending } = useAction({
    run: (change: SettingsChange, reason: string) => patch({ group, name }, change.body, reason),
    title: text.functions.saved,
    undo: (_result, change) => patch({ group, name }, change.before),
    invalidates: [['functions'], ['queue']],
    onDone: (_result, { body }) => {
      const queryKey = settingsKey(group, name)
      queries.setQueriesData<FunctionSettings>({ queryKey }, (now) => now && { ...now, ...body })
      setWishes(undefined)
    },
  })
  const words = text.functions.set
  const save = () => {
    if (!read.ok) return
    if (read.change.hurts) setAsked(read.change)
    else void start(read.change, '')
  }
  const errorOf = (field: 'concurrency' | 'limit') => (read.ok ? undefined : read.errors[field])
  return (
    <Panel title={words.title} className="function-settings">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          save()
        }}
      >
        <Own
          label={words.background}
          hint={words.backgroundHint}
          value={shown.background}
          onChange={(background) => set({ background })}
        />
        <Own
          label={words.keepWarm}
          hint={words.keepWarmHint}
          value={shown.keepWarm}
          onChange={(keepWarm) => set({ keepWarm })}
        />
        <Field
          label={words.concurrency}
          hint={
            settings.used.concurrency === null
              ? words.concurrencyHint
              : words.concurrencyUsed(formatCount(settings.used.concurrency))
          }
          error={errorOf('concurrency')}
        >
          {(wired) => (
            <input
              {...wired}
              className="field function-number"
              inputMode="numeric"
              value={shown.concurrency}
              placeholder={words.noLimit}
              autoComplete="off"
              onChange={(event) => set({ concurrency: event.target.value })}
            />
          )}
        </Field>
        <Field label={words.rate} hint={words.rateHint} error={errorOf('limit')}>
          {(wired) => (
            <span className="row">
              <input
                {...wired}
                className="field function-number"
                inputMode="numeric"
                value={shown.limit}
                placeholder={words.noLimit}
                autoComplete="off"
                onChange={(event) => set({ limit: event.target.value })}
              />
              <Select<Period>
                label={words.per}
                prefix={words.per}
                value={shown.period}
                onChange={(period) => set({ period })}
                options={PERIODS.map((period) => ({ value: period, label: words.periods[period] }))}
              />
            </span>
          )}
        </Field>
        {contracts.length > 1 && (
          <div className="form-field">
            <span className="form-label">{words.contract}</span>
            <Select
              label={words.contract}
              value={shown.contract}
              onChange={(contract) => set({ contract })}
              options={[
                { value: '', label: words.contractOfFleet },
                ...contracts.map(({ contract }) => ({ value: String(contract), label: String(contract) })),
              ]}
            />
          </div>
        )}
        <div className="row">
          <Button
            kind="primary"
            type="submit"
            pending={isPending}
            disabledWhy={!may ? why : read.ok && read.change.isEmpty && words.nothing}
          >
            {words.save}
          </Button>
          {wishes && (
            <Button kind="quiet" onClick={() => setWishes(undefined)}>
              {words.discard}
            </Button>
          )}
          {settings.paused === null && (
            <Button icon="pause" disabledWhy={!may && why} onClick={onPause}>
              {text.functions.pause}
            </Button>
          )}
        </div>
      </form>
      {asked && (
        <ConfirmSettings
          entry={entry}
          settings={settings}
          change={asked}
          onConfirm={(reason) => start(asked, reason)}
          onClose={() => setAsked(undefined)}
        />
      )}
    </Panel>
  )
}

function ConfirmSettings({
  entry,
  settings,
  change,
  onConfirm,
  onClose,
}: {
  entry: CatalogueEntry
  settings: FunctionSettings
  change: SettingsChange
  onConfirm(reason: string): unknown
  onClose(): void
}) {
  const demand = useDemand(entry.key).get(entry.key)
  const words = text.functions.set
  const unknown = <span className="unknown">{text.unknown}</span>
  const running = settings.used.concurrency
  const limit = change.body.concurrency
  return (
    <ConfirmDialog
      title={words.confirm(entry.name)}
      facts={[
        {
          label: text.functions.pauseDialog.arrivals,
          value: demand?.arrivalsPerMinute == null ? unknown : formatRate(demand.arrivalsPerMinute),
        },
        {
          label: text.functions.pauseDialog.waiting,
          value: demand?.waiting == null ? unknown : formatCount(demand.waiting),
        },
        ...(running === null ? [] : [{ label: words.runningNow, value: formatCount(running) }]),
        ...(typeof limit === 'number' && running !== null && running > limit
          ? [{ label: words.overLimit, value: formatCount(running - limit), tone: 'warn' as const }]
          : []),
      ]}
      equivalent={curlOf({ method: 'PATCH', path: settingsPath(entry.group, entry.name), body: change.body })}
      confirmLabel={words.save}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      <ul>
        {change.lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </ConfirmDialog>
  )
}

/** As the function says, or an operator's own yes or no. */
function Own({
  label,
  hint,
  value,
  onChange,
}: {
  label: string
  hint: string
  value: Wishes['background']
  onChange(value: Wishes['background']): void
}) {
  const words = text.functions.set
  return (
    <div className="form-field">
      <span className="form-label">{label}</span>
      <Segmented<Wishes['background']>
        label={label}
        value={value}
        onChange={onChange}
        options={[
          { value: 'own', label: words.asFunction },
          { value: 'on', label: text.functions.yes },
          { value: 'off', label: text.functions.no },
        ]}
      />
      <p className="form-hint">{hint}</p>
    </div>
  )
}
