/** Another name for a function on this page. */
import { useState } from 'react'
import { Button } from '../../../kit/button.tsx'
import { Dialog } from '../../../kit/dialog.tsx'
import { Field } from '../../../kit/field.tsx'
import { text } from '../../../text/text.ts'

export function RenameDialog({
  name,
  onName,
  onClose,
}: {
  name: string
  onName(name: string): void
  onClose(): void
}) {
  const [value, setValue] = useState(name)
  return (
    <Dialog title={text.invoke.rename} onClose={onClose}>
      <form
        className="confirm"
        onSubmit={(event) => {
          event.preventDefault()
          onName(value.trim())
          onClose()
        }}
      >
        <Field label={text.invoke.cellTitle} hint={text.invoke.cellTitleHint}>
          {(wired) => (
            <input
              {...wired}
              className="field"
              maxLength={200}
              value={value}
              onChange={(event) => setValue(event.target.value)}
            />
          )}
        </Field>
        <div className="dialog-actions">
          <Button onClick={onClose}>{text.kit.cancel}</Button>
          <Button kind="primary" type="submit">
            {text.invoke.rename}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
