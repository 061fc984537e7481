/** A button that takes files of this machine. */
import { useRef } from 'react'
import { Button } from '../../../kit/button.tsx'

interface Props {
  readonly label: string
  /** One file instead of several. */
  readonly isOne?: boolean
  onFiles(files: readonly File[]): void
}

export function FilePicker({ label, isOne, onFiles }: Props) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple={!isOne}
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
