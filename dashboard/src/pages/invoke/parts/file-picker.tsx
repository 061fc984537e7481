/** A button that takes files of this machine. */
import { useRef } from 'react'
import { Button } from '../../../kit/button.tsx'

export function FilePicker({ label, onFiles }: { label: string; onFiles(files: readonly File[]): void }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={label}
        onChange={({ target }) => {
          onFiles([...(target.files ?? [])])
          target.value = ''
        }}
      />
      <Button icon="upload" onClick={() => input.current?.click()}>
        {label}
      </Button>
    </>
  )
}
