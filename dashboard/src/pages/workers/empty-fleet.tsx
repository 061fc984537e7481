/** A fleet without workers teaches how to add one. */
import { text } from '../../text/text.ts'

const ENTRY = `[
  { "url": "http://127.0.0.1:3001", "name": "worker-1" }
]`
const COMMAND = 'PORT=3001 NAME=worker-1 node worker/src/main.ts my-folder'

export function EmptyFleet() {
  return (
    <section className="panel empty-fleet" id="workers">
      <h2>{text.workers.empty.title}</h2>
      <p>{text.workers.empty.lead}</p>
      <ol>
        <li>
          {text.workers.empty.stepFile}
          <pre>{ENTRY}</pre>
        </li>
        <li>
          {text.workers.empty.stepStart}
          <pre>{COMMAND}</pre>
        </li>
      </ol>
      <p className="muted">{text.workers.empty.after}</p>
    </section>
  )
}
