/** `/dashboard/queue`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function QueuePage() {
  return <Page title={text.queue.title} />
}
