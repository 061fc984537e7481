/** How far an action on many tasks is, with a way to stop what is left. */
import { Button } from '../../kit/button.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { text } from '../../text/text.ts'
import type { BulkControl } from './use-bulk.ts'

export function BulkProgress({ control }: { control: BulkControl }) {
  const { state } = control
  if (!state) return null
  const words = text.tasks.bulk
  const looked = state.done + state.failed
  const isRunning = state.state === 'running'
  const tone = isRunning ? 'busy' : state.state === 'stopped' || state.failed > 0 ? 'warn' : 'ok'
  return (
    <section className="panel bulk-progress" aria-label={words.progress}>
      <ToneMark tone={tone} />
      <div className="bulk-words">
        <p role="status">{words.state[state.state](state.action, state.done, state.matched)}</p>
        {state.failed > 0 && <p className="muted">{words.notChanged(state.failed)}</p>}
        <progress max={Math.max(1, state.matched)} value={looked} aria-label={words.progress} />
      </div>
      {isRunning ? (
        <Button icon="stop" onClick={control.stop}>
          {words.stop}
        </Button>
      ) : (
        <Button icon="close" kind="quiet" isIconOnly onClick={control.dismiss}>
          {text.shell.close}
        </Button>
      )}
    </section>
  )
}
