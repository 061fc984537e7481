/** What can be done with one worker: maintenance at once with a way back, a drain with a deadline, copies. */
import type { WorkerView } from '@berth/protocol'
import { useState } from 'react'
import { curlOf } from '../../api/client.ts'
import { useFeed } from '../../feed/use-feed.tsx'
import { Button } from '../../kit/button.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { paths } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { useKeys } from '../../shell/keys.ts'
import { text } from '../../text/text.ts'
import { effectOf, useMaintenance } from '../workers/maintenance.ts'
import { OffDialog } from '../workers/off-dialog.tsx'
import { whyAsked } from '../workers/why-asked.ts'

export function WorkerActions({ worker }: { worker: WorkerView }) {
  const { feed } = useFeed()
  const control = useMaintenance()
  const { may, why } = useMayOperate()
  const [isDraining, setDraining] = useState(false)
  const words = text.worker.actions
  const isAway = worker.maintenance !== null
  const isByFile = worker.maintenance?.by === 'file'
  const disabledWhy = may ? (isByFile ? text.workers.maintenance.byFile : undefined) : why
  const drainWhy = may ? (worker.status === 'leaving' ? words.leaving : undefined) : why
  const toggle = () => {
    if (!disabledWhy) control.request(worker.id, !isAway)
  }
  useKeys({
    m: { label: words.keys.maintenance, run: toggle },
    d: {
      label: words.keys.drain,
      run: () => {
        if (!drainWhy) setDraining(true)
      },
    },
  })
  return (
    <>
      <Button pending={control.pending.has(worker.id)} disabledWhy={disabledWhy} onClick={toggle}>
        {isAway ? words.on : words.off}
      </Button>
      <Button disabledWhy={drainWhy} onClick={() => setDraining(true)}>
        {words.drain}
      </Button>
      <CopyMenu
        id={worker.id}
        link={paths.worker(worker.id)}
        curl={curlOf({ method: 'GET', path: `/workers/${encodeURIComponent(worker.id)}` })}
      />
      {isDraining && <OffDialog ids={[worker.id]} isDrain onClose={() => setDraining(false)} />}
      {control.asking === worker.id && (
        <OffDialog
          ids={[worker.id]}
          lead={whyAsked(worker, effectOf(worker, feed.workers.values()))}
          onClose={control.answered}
        />
      )}
    </>
  )
}
