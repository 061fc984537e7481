/** `/dashboard/tasks`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function TasksPage() {
  return <Page title={text.tasks.title} />
}
