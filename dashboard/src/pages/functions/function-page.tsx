/** `/dashboard/functions/:group/:name`: one function, what it is, calling it, and how it is limited (`tab`, `contract`). */
import { lazy, Suspense, useMemo, useState } from 'react'
import { z } from 'zod'
import { curlOf } from '../../api/client.ts'
import { Badge } from '../../kit/badge.tsx'
import { Button } from '../../kit/button.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { ActionMenu } from '../../kit/menu.tsx'
import { Page } from '../../kit/page.tsx'
import { Select } from '../../kit/select.tsx'
import { EmptyState, ErrorState, Skeleton } from '../../kit/states.tsx'
import { Tabs } from '../../kit/tabs.tsx'
import { Instant } from '../../kit/time.tsx'
import { useUrlState } from '../../kit/use-url-state.ts'
import { paths, withQuery } from '../../paths.ts'
import type { PageProps } from '../../routes.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { formOfFunction } from '../invoke/page/use-opened.ts'
import {
  type CatalogueEntry,
  type FunctionItem,
  gatherFunctions,
  useFunctions,
} from '../invoke/parts/functions-data.ts'
import { InvokeCells } from '../invoke/parts/invoke-cells.tsx'
import { SavedFormList, useSavedForms } from '../invoke/parts/saved-forms.tsx'
import { useWorkspace } from '../invoke/parts/use-workspace.ts'
import { AboutTab } from './about-tab.tsx'
import { useSchedules } from './function-data.ts'
import { FunctionMarks } from './function-marks.tsx'
import { PauseDialog, useResume } from './pause-dialog.tsx'
import { SettingsTab } from './settings-tab.tsx'
import '../invoke/invoke.css'
import './functions.css'

const ScheduleDialog = lazy(async () => ({
  default: (await import('../schedules/schedule-dialog.tsx')).ScheduleDialog,
}))

const TABS = ['about', 'invoke', 'settings'] as const
const addressSchema = z.object({ tab: z.enum(TABS).default('about'), contract: z.string().default('') })

export function FunctionPage({ params: { group = '', name = '' } }: PageProps) {
  const functions = useFunctions()
  const entry = useMemo(
    () =>
      gatherFunctions(functions.data?.items ?? []).find((one) => one.group === group && one.name === name),
    [functions.data, group, name],
  )
  if (entry) return <Known entry={entry} key={entry.key} />
  return (
    <Page title={visible(name)}>
      {functions.error && !functions.data ? (
        <ErrorState error={functions.error} onRetry={() => void functions.refetch()} />
      ) : functions.data ? (
        <EmptyState
          title={text.functions.unknown(visible(name), visible(group))}
          teach={text.functions.unknownTeach}
        />
      ) : (
        <Skeleton rows={8} />
      )}
    </Page>
  )
}

function Known({ entry }: { entry: CatalogueEntry }) {
  const { group, name, contracts, newest } = entry
  const [address, patch] = useUrlState(addressSchema)
  const [dialog, setDialog] = useState<'pause' | 'schedule' | null>(null)
  const [example, setExample] = useState<Record<string, unknown>>()
  const item = contracts.find(({ contract }) => String(contract) === address.contract) ?? newest
  const schedules =
    useSchedules({ group, function: name }).data?.items.filter((one) => one.enabled).length ?? 0
  const { may, why } = useMayOperate()
  const resume = useResume({ group, name })
  const isPausedHere = item.paused?.by === 'function'
  const open = (tab: (typeof TABS)[number]) => patch({ tab: tab === 'about' ? null : tab })
  return (
    <Page
      title={visible(name)}
      tabTitle={text.functions.tabTitle(visible(name))}
      state={
        <>
          <Badge>{visible(group)}</Badge>
          <FunctionMarks item={item} schedules={schedules} />
        </>
      }
      lead={item.description === null ? undefined : visible(item.description)}
      actions={
        <>
          {contracts.length > 1 && (
            <Select
              label={text.functions.contract}
              prefix={text.functions.contract}
              value={String(item.contract)}
              onChange={(contract) =>
                patch({ contract: contract === String(newest.contract) ? null : contract })
              }
              options={contracts.map(({ contract }) => ({
                value: String(contract),
                label: String(contract),
              }))}
            />
          )}
          <CopyMenu
            isIconOnly
            id={name}
            link={paths.function(group, name)}
            curl={curlOf({
              method: 'POST',
              path: '/task',
              body: { function: name, ...(group !== 'default' && { group }), input: item.examples[0] ?? {} },
            })}
          />
          <ActionMenu
            label={text.functions.menu}
            isIconOnly
            items={[
              { label: text.functions.invoke, icon: 'invoke', run: () => open('invoke') },
              {
                label: text.functions.invokePage,
                icon: 'expand',
                href: withQuery(paths.invoke(), { fn: entry.key }),
              },
              isPausedHere
                ? {
                    label: text.functions.resume,
                    icon: 'play',
                    disabledWhy: !may && why,
                    run: () => void resume.start(item.paused),
                  }
                : {
                    label: text.functions.pause,
                    icon: 'pause',
                    disabledWhy: !may && why,
                    run: () => setDialog('pause'),
                  },
              {
                label: text.schedules.menuItem,
                icon: 'schedules',
                disabledWhy: !may && why,
                run: () => setDialog('schedule'),
              },
              { label: text.functions.settings, icon: 'edit', run: () => open('settings') },
            ]}
          />
        </>
      }
    >
      {item.paused && (
        <PausedNote item={item} onResume={isPausedHere ? () => void resume.start(item.paused) : undefined} />
      )}
      <Tabs
        label={visible(name)}
        value={address.tab}
        onChange={open}
        items={[
          {
            value: 'about',
            label: text.functions.tabs.about,
            content: (
              <AboutTab
                entry={entry}
                item={item}
                onExample={(input) => {
                  setExample(input)
                  open('invoke')
                }}
              />
            ),
          },
          {
            value: 'invoke',
            label: text.functions.tabs.invoke,
            content: <InvokeTab entry={entry} item={item} example={example} />,
          },
          {
            value: 'settings',
            label: text.functions.tabs.settings,
            content: <SettingsTab entry={entry} onPause={() => setDialog('pause')} />,
          },
        ]}
      />
      {dialog === 'schedule' && (
        <Suspense>
          <ScheduleDialog
            group={group}
            name={name}
            input={example ?? item.examples[0] ?? {}}
            onClose={() => setDialog(null)}
          />
        </Suspense>
      )}
      {dialog === 'pause' && <PauseDialog group={group} name={name} onClose={() => setDialog(null)} />}
    </Page>
  )
}

function PausedNote({ item, onResume }: { item: FunctionItem; onResume?: () => void }) {
  const { paused } = item
  if (paused === null) return null
  return (
    <div className="function-paused">
      <Badge tone="held" hasMark>
        {text.functions.marks.paused}
      </Badge>
      <span>
        {paused.by === 'group'
          ? text.functions.pausedByGroup(visible(item.group))
          : text.functions.pausedHere}{' '}
        {paused.until === null ? (
          text.functions.untilResumed
        ) : (
          <>
            {text.functions.until} <Instant at={paused.until} />.
          </>
        )}{' '}
        {paused.reason !== null && visible(paused.reason)}
      </span>
      {onResume && <Button onClick={onResume}>{text.functions.resume}</Button>}
    </div>
  )
}

function InvokeTab({
  entry,
  item,
  example,
}: {
  entry: CatalogueEntry
  item: FunctionItem
  example?: Record<string, unknown>
}) {
  const form = formOfFunction(entry.key)
  const saved = useSavedForms({ group: entry.group, function: entry.name })
  if (form === null) return null
  const [cell] = form.cells
  if (cell === undefined) return null
  const contract = item === entry.newest ? null : item.contract
  return (
    <>
      <InvokeOne form={{ ...form, cells: [{ ...cell, contract, input: example ?? {} }] }} />
      {saved.data && saved.data.items.length > 0 && (
        <section className="function-saved">
          <h2>{text.functions.savedForms}</h2>
          <SavedFormList items={saved.data.items} />
        </section>
      )}
    </>
  )
}

function InvokeOne({ form }: { form: Parameters<typeof useWorkspace>[0] }) {
  const { workspace, view } = useWorkspace(form)
  return <InvokeCells workspace={workspace} view={view} isPlain={false} />
}
