/**
 * Makes the id of a run that came over the worker's own HTTP: `r_` and 26 characters of base32, the first ten
 * of them the time, so that ids sort by it. Runs of a balancer bring their own.
 */
import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME_CHARACTERS = 10
const RANDOM_CHARACTERS = 16

/** Random bytes are drawn for many ids at once: a draw costs more than an id. */
const POOL_BYTES = 4096
let pool: Uint8Array = new Uint8Array(0)
let drawn = 0

export function makeRunId(wallMs: number): string {
  let time = ''
  let rest = Math.floor(wallMs)
  for (let index = 0; index < TIME_CHARACTERS; index++) {
    time = ALPHABET.charAt(rest % 32) + time
    rest = Math.floor(rest / 32)
  }
  let random = ''
  for (let index = 0; index < RANDOM_CHARACTERS; index++) random += ALPHABET.charAt(drawByte() & 31)
  return `r_${time}${random}`
}

function drawByte(): number {
  if (drawn >= pool.length) {
    pool = randomBytes(POOL_BYTES)
    drawn = 0
  }
  return pool[drawn++] as number
}
