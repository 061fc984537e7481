/** Views of one thing, one shown at a time. The chosen tab belongs to the page's address. */
import { Tab, TabList, TabPanel, TabProvider } from '@ariakit/react'
import type { ReactNode } from 'react'

export interface TabItem<Value extends string = string> {
  readonly value: Value
  readonly label: ReactNode
  readonly count?: ReactNode
  /** Drawn only while its tab is chosen. */
  readonly content?: ReactNode
}

interface Props<Value extends string> {
  readonly label: string
  readonly value: Value
  onChange(value: Value): void
  readonly items: readonly TabItem<Value>[]
}

export function Tabs<Value extends string>({ label, value, onChange, items }: Props<Value>) {
  const chosen = items.find((item) => item.value === value) ?? items[0]
  const choose = (id: string | null | undefined) => {
    const item = items.find((one) => one.value === id)
    if (item && item.value !== value) onChange(item.value)
  }
  return (
    <TabProvider selectedId={value} setSelectedId={choose} selectOnMove={false}>
      <TabList className="tabs" aria-label={label}>
        {items.map((item) => (
          <Tab key={item.value} id={item.value} className="tab">
            {item.label}
            {item.count !== undefined && <span className="tab-count">{item.count}</span>}
          </Tab>
        ))}
      </TabList>
      {chosen?.content !== undefined && (
        <TabPanel tabId={chosen.value} className="tab-panel" focusable={false}>
          {chosen.content}
        </TabPanel>
      )}
    </TabProvider>
  )
}
