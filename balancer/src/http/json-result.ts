/** How a result stands in JSON: in the answer to a sync task, in the last event of a stream, in a batch. */
const NULL = Buffer.from('null')

/** JSON as it came from the worker; bytes as `{mediaType, base64}`. `mediaType` is empty for JSON. */
export function jsonOfResult(mediaType: string, result: Uint8Array): Uint8Array {
  if (mediaType === '') return result.length === 0 ? NULL : result
  const base64 = Buffer.from(result.buffer, result.byteOffset, result.byteLength).toString('base64')
  return Buffer.from(`{"mediaType":${JSON.stringify(mediaType)},"base64":"${base64}"}`)
}
