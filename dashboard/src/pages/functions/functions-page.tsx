/** `/dashboard/functions`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function FunctionsPage() {
  return <Page title={text.functions.title} />
}
