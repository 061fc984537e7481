/**
 * Makes the id of a run that came over the worker's own HTTP: `r_` and 26 characters of base32, the first ten
 * of them the time, so that ids sort by it. Runs of a balancer bring their own.
 */
import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const CODES = Buffer.from(ALPHABET, 'latin1')
const TIME_CHARACTERS = 10
const RANDOM_CHARACTERS = 16

/** Random characters are drawn for many ids at once: a draw costs more than an id. */
const POOL_CHARACTERS = 4096
let pool = ''
let drawn = 0
let lastMs = -1
let lastTime = ''

export function makeRunId(wallMs: number): string {
  if (wallMs !== lastMs) {
    lastMs = wallMs
    lastTime = timeText(wallMs)
  }
  return `r_${lastTime}${draw(RANDOM_CHARACTERS)}`
}

function timeText(wallMs: number): string {
  let text = ''
  let rest = Math.floor(wallMs)
  for (let index = 0; index < TIME_CHARACTERS; index++) {
    text = ALPHABET.charAt(rest % 32) + text
    rest = Math.floor(rest / 32)
  }
  return text
}

function draw(count: number): string {
  if (drawn + count > pool.length) {
    const bytes = randomBytes(POOL_CHARACTERS)
    for (let at = 0; at < bytes.length; at++) bytes[at] = CODES[(bytes[at] as number) & 31] as number
    pool = bytes.toString('latin1')
    drawn = 0
  }
  drawn += count
  return pool.slice(drawn - count, drawn)
}
