/** `/dashboard/invoke`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function InvokePage() {
  return <Page title={text.invoke.title} />
}
