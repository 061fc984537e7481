/**
 * Tables as CSV (RFC 4180). A text that a spreadsheet would run as a formula gets an apostrophe before it: names of
 * groups and functions come from others.
 */
const FORMULA = /^\s*[=+\-@\t\r]/

export type Cell = string | number | null

export function csvCell(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  const safe = FORMULA.test(cell) ? `'${cell}` : cell
  return /[",\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export function toCsv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
}

/** Offers the text as a file; a mark before it tells spreadsheets that it is UTF-8. */
export function downloadCsv(rows: readonly (readonly Cell[])[], fileName: string): void {
  const url = URL.createObjectURL(new Blob(['\ufeff', toCsv(rows)], { type: 'text/csv;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `${fileName.replace(/[^\p{L}\p{N}._-]+/gu, '-')}.csv`
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
