/**
 * Makes the ids of webhooks' messages: `d_` and 26 lower-case base32 characters, ten of milliseconds and sixteen that
 * nobody can guess. Made by whoever begins a delivery.
 * Invariant: ids of one process sort as they were made.
 */
import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME_CHARACTERS = 10
const COUNTER_CHARACTERS = 4
const RANDOM_CHARACTERS = 12
const COUNTER_LIMIT = 32 ** COUNTER_CHARACTERS

/** `wallMs` may go back; ids do not. */
export function createDeliveryIds(wallMs: () => number): () => string {
  let lastMs = 0
  let counter = 0
  return () => {
    const nowMs = Math.max(lastMs, Math.floor(wallMs()))
    counter = nowMs === lastMs ? counter + 1 : 0
    // A million in one millisecond: the next one lends a time.
    lastMs = counter < COUNTER_LIMIT ? nowMs : nowMs + 1
    if (lastMs !== nowMs) counter = 0
    return `d_${base32(lastMs, TIME_CHARACTERS)}${base32(counter, COUNTER_CHARACTERS)}${randomText()}`
  }
}

function base32(value: number, length: number): string {
  let text = ''
  let rest = value
  for (let i = 0; i < length; i++) {
    text = ALPHABET[rest % 32] + text
    rest = Math.floor(rest / 32)
  }
  return text
}

function randomText(): string {
  let text = ''
  for (const byte of randomBytes(RANDOM_CHARACTERS)) text += ALPHABET[byte % 32]
  return text
}
