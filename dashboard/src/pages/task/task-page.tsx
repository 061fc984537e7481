/** `/dashboard/tasks/:id`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function TaskPage() {
  return <Page title={text.task.title} />
}
