/** Input or result of a task: a tree for JSON, a picture or a download for bytes. Whatever it holds shows as text. */
import { z } from 'zod'
import { JsonView } from '../../kit/json-view.tsx'
import { Panel } from '../../kit/page.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { formatBytes } from './bytes.ts'

interface Props {
  readonly title: string
  readonly value: unknown
  /** Where the bytes are, when they have an address of their own. */
  readonly href?: string
  /** What stands there instead of nothing. */
  readonly nothing: string
}

/** Bytes as the balancer shows them; `base64` is null when they are many. */
const bytesSchema = z.strictObject({
  mediaType: z.string(),
  size: z.number(),
  base64: z.string().nullable(),
})

const PICTURE = /^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml)$/

export function ContentPanel({ title, value, href, nothing }: Props) {
  const bytes = bytesSchema.safeParse(value).data
  return (
    <Panel title={title} unit={bytes && `${visible(bytes.mediaType)} · ${formatBytes(bytes.size)}`}>
      {bytes ? (
        <Bytes {...bytes} href={href} title={title} />
      ) : value === null || value === undefined ? (
        <p className="muted">{nothing}</p>
      ) : (
        <JsonView value={value} label={title} />
      )}
    </Panel>
  )
}

function Bytes({
  mediaType,
  base64,
  href,
  title,
}: z.output<typeof bytesSchema> & { href?: string; title: string }) {
  const words = text.task.content
  const data = base64 === null ? undefined : `data:${mediaType};base64,${base64}`
  const source = data ?? href
  return (
    <div className="content-bytes">
      {source !== undefined && PICTURE.test(mediaType) && <img src={source} alt={title} />}
      {source === undefined ? (
        <p className="muted">{words.tooLarge}</p>
      ) : (
        <a className="button button-link" href={href ?? source} download={title.toLowerCase()}>
          {words.download}
        </a>
      )}
    </div>
  )
}
