/** Puts text into the clipboard, also where the page came without TLS and the browser offers no clipboard. */

/** False when the browser forbids it. */
export async function copyText(value: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(value)
      return true
    }
  } catch {
    // Forbidden here; the old way below may still work.
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
