/** `/dashboard/config`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function ConfigPage() {
  return <Page title={text.config.title} />
}
