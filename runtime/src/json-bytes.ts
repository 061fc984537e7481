/** How bytes of any media type stand in JSON: in answers, in the events of a stream, in messages to others. */
const NULL = Buffer.from('null')

/** JSON as it is; other bytes as `{mediaType, base64}`. `mediaType` is empty for JSON. */
export function jsonOfBytes(mediaType: string, bytes: Uint8Array): Uint8Array {
  if (mediaType === '') return bytes.length === 0 ? NULL : bytes
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  return Buffer.from(`{"mediaType":${JSON.stringify(mediaType)},"base64":"${base64}"}`)
}
