/** `/dashboard`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function OverviewPage() {
  return <Page title={text.overview.title} />
}
