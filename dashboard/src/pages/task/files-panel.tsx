/** Files that a task wrote or got: pictures as pictures, all of them to download. */
import { isFinal, type RunView } from '@berth/protocol'
import { z } from 'zod'
import { useGet } from '../../api/query.ts'
import { Badge } from '../../kit/badge.tsx'
import { Panel } from '../../kit/page.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { formatBytes } from './bytes.ts'

const filesSchema = z.object({
  items: z.array(
    z.object({ path: z.string(), mediaType: z.string(), size: z.number(), origin: z.string().optional() }),
  ),
})

const PICTURE = /^image\/(png|jpeg|gif|webp|avif|bmp)$/
const MAX_PICTURE = 10 * 1_024 * 1_024
const MAX_PICTURES = 12

export function FilesPanel({ run }: { run: RunView }) {
  const words = text.task.files
  const { data } = useGet({
    key: ['run', run.id, 'files', isFinal(run.status)],
    path: `/runs/${encodeURIComponent(run.id)}/files`,
    schema: filesSchema,
    isEnabled: run.durable,
  })
  if (!data || data.items.length === 0) return null
  const pictures = data.items.filter(({ mediaType, size }) => PICTURE.test(mediaType) && size <= MAX_PICTURE)
  return (
    <Panel title={words.title} unit={words.count(data.items.length)}>
      <ul className="files">
        {data.items.map(({ path, mediaType, size, origin }) => (
          <li key={path}>
            <a href={addressOfFile(run.id, path)} download>
              {visible(path)}
            </a>{' '}
            <span className="muted">
              {visible(mediaType)} · {formatBytes(size)}
            </span>{' '}
            {origin === 'upload' && <Badge>{words.upload}</Badge>}
          </li>
        ))}
      </ul>
      {pictures.length > 0 && (
        <div className="pictures">
          {pictures.slice(0, MAX_PICTURES).map(({ path }) => (
            <img key={path} src={addressOfFile(run.id, path)} alt={visible(path)} loading="lazy" />
          ))}
        </div>
      )}
    </Panel>
  )
}

/** Each part of the path is one segment of the address. */
export function addressOfFile(run: string, path: string): string {
  return `/runs/${encodeURIComponent(run)}/files/${path.split('/').map(encodeURIComponent).join('/')}`
}
