/** Takes a file of this machine as the value of a text: as it is when it is text, else as base64. Nothing is sent yet. */
import { useRef } from 'react'
import { Button } from '../../../kit/button.tsx'
import { useToasts } from '../../../kit/toasts.tsx'
import { text } from '../../../text/text.ts'
import { fileAsText, MAX_FILE_BYTES } from './file-text.ts'

export function FileIntoText({
  label,
  encoding,
  onText,
}: {
  label: string
  encoding: string | null
  onText(value: string): void
}) {
  const input = useRef<HTMLInputElement>(null)
  const showToast = useToasts()
  const take = async (file: File | undefined) => {
    if (!file) return
    if (file.size > MAX_FILE_BYTES) showToast({ tone: 'warn', title: text.invoke.form.fileTooLarge })
    else onText(await fileAsText(file, encoding === 'base64'))
  }
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        aria-label={text.invoke.form.fromFile(label)}
        onChange={(event) => {
          void take(event.target.files?.[0])
          event.target.value = ''
        }}
      />
      <Button kind="quiet" icon="upload" isIconOnly onClick={() => input.current?.click()}>
        {text.invoke.form.fromFile(label)}
      </Button>
    </>
  )
}
