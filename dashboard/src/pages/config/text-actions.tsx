/** What can be done with the text as a whole: discard, tidy up, download, load from a file. */
import { useRef } from 'react'
import { Button } from '../../kit/button.tsx'
import { ActionMenu } from '../../kit/menu.tsx'
import { text } from '../../text/text.ts'

const words = text.config

interface TextActionsProps {
  readonly shown: string
  readonly isDirty: boolean
  onText(text: string): void
  onDiscard(): void
}

export function TextActions({ shown, isDirty, onText, onDiscard }: TextActionsProps) {
  const picker = useRef<HTMLInputElement>(null)
  return (
    <>
      <Button kind="quiet" icon="undo" disabledWhy={!isDirty && words.apply.unchanged} onClick={onDiscard}>
        {words.discard}
      </Button>
      <ActionMenu
        label={words.file}
        isIconOnly
        kind="quiet"
        items={[
          { label: words.tidy, icon: 'edit', run: () => onText(tidy(shown)) },
          { label: words.download, icon: 'download', run: () => download(shown) },
          { label: words.upload, icon: 'upload', run: () => picker.current?.click() },
        ]}
      />
      <input
        ref={picker}
        type="file"
        accept=".json,application/json"
        hidden
        aria-label={words.upload}
        onChange={(event) => {
          const [chosen] = event.target.files ?? []
          event.target.value = ''
          if (chosen) void chosen.text().then(onText)
        }}
      />
    </>
  )
}

/** Indented by two; a text that is no JSON stays as it is. */
function tidy(shown: string): string {
  try {
    return `${JSON.stringify(JSON.parse(shown), undefined, 2)}\n`
  } catch {
    return shown
  }
}

function download(shown: string): void {
  const address = URL.createObjectURL(new Blob([shown], { type: 'application/json' }))
  const link = document.createElement('a')
  link.href = address
  link.download = words.file
  link.click()
  URL.revokeObjectURL(address)
}
