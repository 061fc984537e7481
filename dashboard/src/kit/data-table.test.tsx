import { fireEvent, screen, within } from '@testing-library/react'
import { useState } from 'react'
import { describe, expect, test, vi } from 'vitest'
import { renderPage } from '../testing/render-page.tsx'
import { type Column, DataTable, type DataTableProps } from './data-table.tsx'

interface Row {
  readonly id: string
  readonly size: number | null
}

const columns: readonly Column<Row>[] = [
  { id: 'id', header: 'Name', cell: (row) => row.id, sortBy: (row) => row.id },
  { id: 'size', header: 'Size', cell: (row) => row.size ?? '–', sortBy: (row) => row.size, isNumber: true },
  { id: 'note', header: 'Note', cell: () => 'same' },
]

const rows: readonly Row[] = [
  { id: 'w10', size: 3 },
  { id: 'w2', size: null },
  { id: 'w1', size: 20 },
]

const many = (count: number): Row[] => Array.from({ length: count }, (_, i) => ({ id: `w${i}`, size: i }))

function Table(props: Partial<DataTableProps<Row>>) {
  return <DataTable label="Things" rows={rows} columns={columns} rowId={(row) => row.id} {...props} />
}

function Selectable(props: Partial<DataTableProps<Row>>) {
  const [selection, setSelection] = useState<ReadonlySet<string>>(new Set())
  return (
    <>
      <Table selection={selection} onSelection={setSelection} {...props} />
      <output>{[...selection].sort().join(' ')}</output>
    </>
  )
}

const idsOf = () =>
  within(screen.getByRole('table', { name: 'Things' }))
    .getAllByRole('row')
    .slice(1)
    .map((row) => row.getAttribute('data-row'))
const sortOf = (name: string) => screen.getByRole('columnheader', { name }).getAttribute('aria-sort')
const press = (key: string, init: KeyboardEventInit = {}) =>
  fireEvent.keyDown(document.activeElement ?? document.body, { key, ...init })
const chosen = () => screen.getByRole('status').textContent

describe('sorting', () => {
  test('by a heading, both ways, said by aria-sort; unknown is last in both', () => {
    renderPage(<Table />)
    expect(idsOf()).toEqual(['w10', 'w2', 'w1'])
    fireEvent.click(screen.getByRole('button', { name: 'Size' }))
    expect(idsOf()).toEqual(['w10', 'w1', 'w2'])
    expect(sortOf('Size')).toBe('ascending')
    fireEvent.click(screen.getByRole('button', { name: 'Size' }))
    expect(idsOf()).toEqual(['w1', 'w10', 'w2'])
    expect(sortOf('Size')).toBe('descending')
    expect(sortOf('Name')).toBe('none')
    expect(sortOf('Note')).toBeNull()
  })

  test('orders words as people do', () => {
    renderPage(<Table sort={{ column: 'id', direction: 'ascending' }} />)
    expect(idsOf()).toEqual(['w1', 'w2', 'w10'])
  })

  test('of a column that the server sorts changes nothing here and is told', () => {
    const onSort = vi.fn()
    const served: Column<Row>[] = [{ id: 'id', header: 'Name', cell: (row) => row.id, isSortable: true }]
    renderPage(<Table columns={served} sort={{ column: 'id', direction: 'ascending' }} onSort={onSort} />)
    expect(idsOf()).toEqual(['w10', 'w2', 'w1'])
    fireEvent.click(screen.getByRole('button', { name: 'Name' }))
    expect(onSort).toHaveBeenCalledWith({ column: 'id', direction: 'descending' })
  })
})

describe('keys', () => {
  test('j and k move from row to row, Enter opens', () => {
    const onOpen = vi.fn()
    renderPage(<Table onOpen={onOpen} />)
    press('j')
    press('j')
    expect(document.activeElement?.getAttribute('data-row')).toBe('w2')
    press('k')
    press('Enter')
    expect(onOpen).toHaveBeenCalledWith(rows[0])
  })

  test('x selects, Shift x up to the row, * a all', () => {
    renderPage(<Selectable />)
    press('j')
    press('x')
    expect(chosen()).toBe('w10')
    press('j')
    press('j')
    press('X', { shiftKey: true })
    expect(chosen()).toBe('w1 w10 w2')
    press('x')
    expect(chosen()).toBe('w10 w2')
    press('*', { shiftKey: true })
    press('a')
    expect(chosen()).toBe('w1 w10 w2')
  })

  test('the row in focus stays in focus when the order changes', () => {
    renderPage(<Table />)
    press('j')
    fireEvent.click(screen.getByRole('button', { name: 'Size' }))
    fireEvent.click(screen.getByRole('button', { name: 'Size' }))
    press('j')
    expect(document.activeElement?.getAttribute('data-row')).toBe('w2')
  })
})

describe('selection', () => {
  test('by boxes, with a box for all that knows of some', () => {
    renderPage(<Selectable />)
    fireEvent.click(screen.getByRole('checkbox', { name: 'Select w2' }))
    const all = screen.getByRole<HTMLInputElement>('checkbox', { name: 'Select all rows' })
    expect([all.checked, all.indeterminate]).toEqual([false, true])
    fireEvent.click(all)
    expect(chosen()).toBe('w1 w10 w2')
    expect(screen.getByRole('row', { name: /w10/ }).getAttribute('aria-selected')).toBe('true')
    fireEvent.click(all)
    expect(chosen()).toBe('')
  })

  test('ticks the box of what is chosen, and a range with Shift leaves its last box ticked', () => {
    const onOpen = vi.fn()
    renderPage(<Selectable onOpen={onOpen} />)
    const box = (id: string) => screen.getByRole<HTMLInputElement>('checkbox', { name: `Select ${id}` })
    const ticked = () => ['w10', 'w2', 'w1'].filter((id) => box(id).checked)
    fireEvent.click(box('w1'))
    expect(ticked()).toEqual(['w1'])
    fireEvent.click(box('w10'))
    fireEvent.click(box('w1'), { shiftKey: true })
    expect(chosen()).toBe('w1 w10 w2')
    expect(ticked()).toEqual(['w10', 'w2', 'w1'])
    fireEvent.click(box('w2'))
    expect(ticked()).toEqual(['w10', 'w1'])
    expect(onOpen).not.toHaveBeenCalled()
  })

  test('a press on a box opens no row, a press on the row does', () => {
    const onOpen = vi.fn()
    renderPage(<Selectable onOpen={onOpen} />)
    fireEvent.click(screen.getByRole('checkbox', { name: 'Select w2' }))
    expect(onOpen).not.toHaveBeenCalled()
    fireEvent.click(within(screen.getByRole('table')).getByText('w2'))
    expect(onOpen).toHaveBeenCalledWith(rows[1])
  })
})

describe('many rows', () => {
  test('only some are drawn, the table tells how many there are', () => {
    renderPage(<Table rows={many(1_000)} />)
    const table = screen.getByRole('table', { name: 'Things' })
    expect(table.getAttribute('aria-rowcount')).toBe('1001')
    expect(table.querySelectorAll('tr[data-row]').length).toBeLessThan(100)
  })

  test('up to a hundred all are drawn', () => {
    renderPage(<Table rows={many(100)} />)
    expect(idsOf()).toHaveLength(100)
    expect(screen.getByText('w99').closest('tr')?.getAttribute('aria-rowindex')).toBe('101')
  })
})

test('without rows: bones while they are awaited, what the page says after', () => {
  renderPage(<Table rows={[]} isLoading empty={<p>None</p>} />)
  expect(screen.getByText('Loading…')).toBeTruthy()
  expect(screen.queryByText('None')).toBeNull()
})
