/** Where the task would go, in a sentence. */
import type { FormCell } from '@berth/protocol'
import { Link } from '../../../kit/link.tsx'
import { ToneMark } from '../../../kit/marks.tsx'
import { paths } from '../../../paths.ts'
import { visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import { taskBody } from '../page/task-body.ts'
import { countMatching, type Preview, usePreview } from './use-preview.ts'

export function PreviewLine({ cell, isWanted }: { cell: FormCell; isWanted: boolean }) {
  const preview = useCellPreview(cell, isWanted)
  return (
    <p className="invoke-preview" role="status">
      {preview ? (
        <PreviewWords preview={preview} />
      ) : (
        <span className="muted">{text.invoke.preview.asking}</span>
      )}
    </p>
  )
}

export function useCellPreview(cell: FormCell, isWanted: boolean): Preview | undefined {
  const { input: _input, ...body } = taskBody(cell, {})
  return usePreview(body, isWanted)
}

export function PreviewWords({ preview }: { preview: Preview }) {
  const words = text.invoke.preview
  const matching = countMatching(preview)
  const count =
    matching === null || preview.workers === null ? null : words.matching(matching, preview.workers)
  if (preview.verdict === 'refuse')
    return (
      <>
        <ToneMark tone="bad" /> {words.refused(visible(preview.error?.message ?? preview.error?.code ?? ''))}{' '}
        {count}
      </>
    )
  if (preview.worker === null)
    return (
      <>
        <ToneMark tone="held" /> {words.waits} {count}{' '}
        {preview.nearestMiss ? words.nearest(visible(preview.nearestMiss)) : ''}
      </>
    )
  return (
    <>
      <ToneMark tone="ok" /> {words.goesTo}{' '}
      <Link to={paths.worker(preview.worker)}>{visible(preview.worker)}</Link>. {count}
    </>
  )
}
