/** `/dashboard/workers/:id`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function WorkerPage() {
  return <Page title={text.worker.title} />
}
