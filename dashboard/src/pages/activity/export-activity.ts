/** The list of the page as a file, a line an entry. Bounded by what the balancer keeps (100,000). */
import { ApiError, type QueryValue, withSearch } from '../../api/client.ts'

export async function exportActivity(query: Readonly<Record<string, QueryValue>>): Promise<number> {
  const answer = await fetch(withSearch('/activity', query), {
    headers: { accept: 'application/x-ndjson' },
    credentials: 'same-origin',
  })
  if (!answer.ok) throw new ApiError({ status: answer.status, code: null, detail: answer.statusText })
  const lines = await answer.text()
  save(new Blob([lines], { type: 'application/x-ndjson' }))
  return lines.split('\n').length - 1
}

function save(blob: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = `activity-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.ndjson`
  link.click()
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
