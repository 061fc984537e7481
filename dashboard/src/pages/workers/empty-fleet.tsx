/** A fleet without workers teaches how to add one: three lines, and the entry that names it. */
import { ButtonLink } from '../../kit/button.tsx'
import { CopyButton } from '../../kit/copy.tsx'
import { Panel } from '../../kit/page.tsx'
import { paths } from '../../paths.ts'
import { text } from '../../text/text.ts'

const CODE =
  "import { defineFunction } from '@berth/worker'; export default defineFunction({ handler: async () => 'hello' })"
const COMMAND = `mkdir -p my-fleet/functions
echo "${CODE}" > my-fleet/functions/hello.ts
PORT=3001 NAME=worker-1 node_modules/.bin/node worker/src/main.ts my-fleet`
const ENTRY = '[{ "url": "http://127.0.0.1:3001", "name": "worker-1" }]'

export function EmptyFleet() {
  const words = text.workers.empty
  return (
    <Panel className="empty-fleet" id="workers" title={words.title}>
      <p>{words.lead}</p>
      <Code value={COMMAND} copy={words.copyCommand} />
      <p>{words.listed}</p>
      <Code value={ENTRY} copy={words.copyEntry} />
      <p className="muted">{words.after}</p>
      <div className="row">
        <ButtonLink to={paths.config()} icon="edit">
          {words.editFile}
        </ButtonLink>
      </div>
    </Panel>
  )
}

function Code({ value, copy }: { value: string; copy: string }) {
  return (
    <div className="code-box">
      <pre>{value}</pre>
      <CopyButton value={value} label={copy} />
    </div>
  )
}
