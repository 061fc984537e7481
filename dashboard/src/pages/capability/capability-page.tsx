/** `/dashboard/capability`. */
import { Page } from '../../kit/page.tsx'
import { text } from '../../text/text.ts'

export function CapabilityPage() {
  return <Page title={text.capability.title} />
}
