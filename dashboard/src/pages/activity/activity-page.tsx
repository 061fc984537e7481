/** `/dashboard/activity`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function ActivityPage() {
  return <Page title={text.activity.title} />
}
