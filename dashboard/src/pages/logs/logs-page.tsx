/** `/dashboard/logs`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function LogsPage() {
  return <Page title={text.logs.title} />
}
