/** Copying: one button for one text, and the menu every entity has (link, id, curl, CLI). */
import { useEffect, useState } from 'react'
import { addressOf } from '../paths.ts'
import { text } from '../text/text.ts'
import { Button, type ButtonKind } from './button.tsx'
import { ActionMenu } from './menu.tsx'
import { useToasts } from './toasts.tsx'

const SAID_MS = 2_000

/** False when the browser forbids it. */
export async function copyText(value: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(value)
      return true
    }
  } catch {
    // Without TLS there is no clipboard; the old way below still works.
  }
  return copyBySelection(value)
}

function copyBySelection(value: string): boolean {
  const area = document.createElement('textarea')
  area.value = value
  area.className = 'only-heard'
  // Inside an open dialog, which is all that may take the focus then.
  const host = document.activeElement?.closest('[role="dialog"]') ?? document.body
  const before = document.activeElement
  host.append(area)
  area.select()
  const isDone = document.execCommand('copy')
  area.remove()
  if (before instanceof HTMLElement) before.focus()
  return isDone
}

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
