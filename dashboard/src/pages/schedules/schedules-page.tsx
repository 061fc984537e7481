/** `/dashboard/schedules`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function SchedulesPage() {
  return <Page title={text.schedules.title} />
}
