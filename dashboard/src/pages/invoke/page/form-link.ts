/**
 * A page of functions as a text for an address: JSON in base64url, compressed when it is long. Pure.
 * Invariant: what comes out of an address is a form of the protocol's shape, or null; a small text never becomes a
 * large page (a bound on what is unpacked).
 */
import { FORM_BYTES, type InvokeForm, invokeFormSchema } from '@berth/protocol'

/** Longer ones are compressed. */
const PLAIN_CHARACTERS = 400
/** Of the text in an address: what browsers and proxies carry. */
export const LINK_CHARACTERS = 16_000

export async function encodeForm(form: InvokeForm): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(slim(form)))
  if (bytes.length <= PLAIN_CHARACTERS) return `j${toBase64(bytes)}`
  return `z${toBase64(await pump(bytes, new CompressionStream('deflate-raw'), Number.POSITIVE_INFINITY))}`
}

export async function decodeForm(text: string): Promise<InvokeForm | null> {
  if (text.length > LINK_CHARACTERS) return null
  try {
    const bytes = fromBase64(text.slice(1))
    const plain = text.startsWith('z')
      ? await pump(bytes, new DecompressionStream('deflate-raw'), FORM_BYTES)
      : bytes
    const parsed = invokeFormSchema.safeParse(JSON.parse(new TextDecoder().decode(plain)))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** Without what the schema fills in. */
function slim({ title, lead, cells }: InvokeForm): object {
  return { ...(title && { title }), ...(lead && { lead }), cells: cells.map(slimCell) }
}

function slimCell(cell: InvokeForm['cells'][number]): object {
  const isDefault = (name: string, value: unknown) =>
    value === null ||
    value === false ||
    (Array.isArray(value) && value.length === 0) ||
    (name === 'group' && value === 'default') ||
    (name === 'mode' && value === 'sync') ||
    (name === 'show' && value === 'auto')
  return Object.fromEntries(Object.entries(cell).filter(([name, value]) => !isDefault(name, value)))
}

async function pump(
  bytes: Uint8Array<ArrayBuffer>,
  through: CompressionStream | DecompressionStream,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let size = 0
  const reader = new Blob([bytes]).stream().pipeThrough(through).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.length
    if (size > limit) {
      await reader.cancel()
      throw new Error('the form in the address is too large')
    }
    parts.push(value)
  }
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(plain, (character) => character.charCodeAt(0))
}
