/** `?`: the shortcuts, and the switches for them and for spoken changes. */

import { Dialog } from '../kit/dialog.tsx'
import { useSwitchedOn } from '../kit/preference.ts'
import { text } from '../text/text.ts'

const rows = [
  ['/', 'filter'],
  ['j', 'next'],
  ['k', 'previous'],
  ['Enter', 'expand'],
  ['m', 'maintenance'],
  ['t', 'theme'],
  ['?', 'help'],
  ['Esc', 'escape'],
] as const

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const [hasKeys, setKeys] = useSwitchedOn('single-keys')
  const [isSpoken, setSpoken] = useSwitchedOn('announce')
  return (
    <Dialog title={text.shell.help.title} onClose={onClose}>
      <dl className="keys">
        {rows.map(([key, name]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text.shell.help.keys[name]}</dd>
          </div>
        ))}
      </dl>
      <div className="checks">
        <label>
          <input type="checkbox" checked={hasKeys} onChange={(event) => setKeys(event.target.checked)} />
          {text.shell.help.singleKeys}
        </label>
        <label>
          <input type="checkbox" checked={isSpoken} onChange={(event) => setSpoken(event.target.checked)} />
          {text.shell.help.announcements}
        </label>
      </div>
    </Dialog>
  )
}
