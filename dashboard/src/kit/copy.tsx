/** Copying: one button for one text, and the menu every entity has (link, id, curl, CLI). */
import { useEffect, useState } from 'react'
import { addressOf } from '../paths.ts'
import { text } from '../text/text.ts'
import { Button, type ButtonKind } from './button.tsx'
import { copyText } from './copy-text.ts'
import { ActionMenu } from './menu.tsx'
import { useToasts } from './toasts.tsx'

const SAID_MS = 2_000

export { copyText } from './copy-text.ts'

interface CopyButtonProps {
  readonly value: string
  /** What is copied: "Copy id". */
  readonly label: string
  readonly kind?: ButtonKind
  readonly isIconOnly?: boolean
}

export function CopyButton({ value, label, kind = 'quiet', isIconOnly = true }: CopyButtonProps) {
  const [isSaid, setSaid] = useState(false)
  useEffect(() => {
    if (!isSaid) return
    const timer = window.setTimeout(() => setSaid(false), SAID_MS)
    return () => window.clearTimeout(timer)
  }, [isSaid])
  return (
    <Button
      kind={kind}
      icon={isSaid ? 'check' : 'copy'}
      isIconOnly={isIconOnly}
      onClick={() => void copyText(value).then(setSaid)}
    >
      {isSaid ? text.kit.copied : label}
    </Button>
  )
}

interface CopyMenuProps {
  readonly id?: string
  readonly curl?: string
  readonly cli?: string
  /** A path of `paths.ts`. */
  readonly link?: string
  readonly isIconOnly?: boolean
}

export function CopyMenu({ id, curl, cli, link, isIconOnly }: CopyMenuProps) {
  const showToast = useToasts()
  const copy = (value: string) => async () => {
    const isDone = await copyText(value)
    showToast(
      isDone
        ? { tone: 'ok', title: text.kit.copied }
        : { tone: 'warn', title: text.kit.copyFailed, detail: value },
    )
  }
  const item = (label: string, value: string | undefined) =>
    value !== undefined && { label, run: () => void copy(value)() }
  return (
    <ActionMenu
      label={text.kit.copy}
      icon="copy"
      isIconOnly={isIconOnly}
      items={[
        item(text.kit.copyLink, link === undefined ? undefined : addressOf(link)),
        item(text.kit.copyId, id),
        item(text.kit.copyCurl, curl),
        item(text.kit.copyCli, cli),
      ]}
    />
  )
}
