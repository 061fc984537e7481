/** Which bodies are JSON, and what may stand in a header or on the link: for bytes in and out of this worker. */
export { isJsonType, isMediaType, plainType } from '@berth/protocol'
