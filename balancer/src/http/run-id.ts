/**
 * Makes run ids: `r_` and 26 lower-case base32 characters, sortable by time, naming their balancer.
 * 10 characters of milliseconds, 4 of the balancer's boot, 6 drawn anew each millisecond, 6 of a counter
 * that begins at random, so that ids of one millisecond keep their order and cannot be guessed.
 */
import { randomBytes } from 'node:crypto'
import { timeOfRun } from '@berth/protocol'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME_CHARACTERS = 10
const BOOT_CHARACTERS = 4
const COUNTER_HALF = 6
const HALF_LIMIT = 32 ** COUNTER_HALF
const PAIRS = Array.from({ length: 32 * 32 }, (_, value) => base32(value, 2))
/** Drawn at once: asking for a few bytes costs as much as asking for many. */
const POOL_BYTES = 4096

/**
 * `boot` is any number of this start of the balancer, such as its epoch. Ids sort behind `after`, the highest one
 * that there is, though the clock may have been set back since.
 */
export function createRunIds(boot: number, wallMs: () => number, after?: string | null): () => string {
  const bootText = base32(boot % 32 ** BOOT_CHARACTERS, BOOT_CHARACTERS)
  const randomBelow = createDraw()
  let low = 0
  let lastMs = 1 + ((after ? timeOfRun(after) : undefined) ?? -1)
  let prefix = ''
  return () => {
    const nowMs = Math.max(lastMs, Math.floor(wallMs()))
    if (nowMs !== lastMs || prefix === '') {
      lastMs = nowMs
      low = randomBelow(HALF_LIMIT / 2)
      const drawn = base32(randomBelow(HALF_LIMIT), COUNTER_HALF)
      prefix = `r_${base32(nowMs, TIME_CHARACTERS)}${bootText}${drawn}`
    }
    low++
    return prefix + pairAt(low, 20) + pairAt(low, 10) + pairAt(low, 0)
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

/** Two characters of a counter of at most 30 bits, those above the lowest `bits`. */
function pairAt(counter: number, bits: number): string {
  return PAIRS[(counter >>> bits) & 1023] as string
}

/** Below a limit that is a power of two. */
function createDraw(): (limit: number) => number {
  let pool = Buffer.alloc(0)
  let at = 0
  return (limit) => {
    if (at >= pool.length) {
      pool = randomBytes(POOL_BYTES)
      at = 0
    }
    at += 4
    return pool.readUInt32BE(at - 4) % limit
  }
}
