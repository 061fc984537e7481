/** `/dashboard/functions/:group/:name`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function FunctionPage() {
  return <Page title={text.functions.title} />
}
