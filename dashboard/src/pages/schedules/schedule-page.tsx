/** `/dashboard/schedules/:id`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function SchedulePage() {
  return <Page title={text.schedules.title} />
}
