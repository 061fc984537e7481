/** The text of a file: as it is where it is UTF-8 and no base64 is asked for, else base64. */
/** As base64 it still fits into a request of 10 MB. */
export const MAX_FILE_BYTES = 7 * 1024 * 1024

export async function fileAsText(file: Blob, isBase64: boolean): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  if (!isBase64) {
    const plain = decode(bytes)
    if (plain !== null) return plain
  }
  let binary = ''
  const STEP = 32_768
  for (let at = 0; at < bytes.length; at += STEP)
    binary += String.fromCharCode(...bytes.subarray(at, at + STEP))
  return btoa(binary)
}

function decode(bytes: Uint8Array): string | null {
  try {
    const plain = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return plain.includes('\0') ? null : plain
  } catch {
    return null
  }
}
