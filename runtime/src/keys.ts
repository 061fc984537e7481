/**
 * Owns how keys are read from a request, compared, made, and kept on this machine.
 * Called by whoever checks `Authorization`, and at start by whoever needs the keys of a data folder.
 * Invariant: a key is compared only here, by what takes as long whatever part of it was right.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { createFileAtomic, ensureFolder, readSmallFile } from './files.ts'

/** The key in `<key>`, `Bearer <key>` or `Api-Key <key>`; undefined when there is none. */
export function presentedKey(authorizationHeader: string | undefined): string | undefined {
  if (authorizationHeader === undefined) return undefined
  const value = authorizationHeader.trim()
  const key = value.replace(/^(?:bearer|api-key)(?:[ \t]+|$)/i, '')
  return key === '' ? undefined : key
}

/**
 * Whether two keys are the same. Both are hashed to one length first, so any lengths may be compared and
 * nothing throws. A missing or empty key equals nothing, not even another empty one.
 */
export function sameKey(a: string | undefined, b: string | undefined): boolean {
  const isEqual = timingSafeEqual(digest(a), digest(b))
  return isEqual && isPresent(a) && isPresent(b)
}

/** `sameKey` against one expected key whose hash is made once: for what is asked at every request. */
export function createKeyCheck(expected: string): (presented: string | undefined) => boolean {
  const expectedDigest = digest(expected)
  return (presented) => {
    const isEqual = timingSafeEqual(digest(presented), expectedDigest)
    return isEqual && isPresent(presented) && isPresent(expected)
  }
}

/**
 * `createKeyCheck` for the `Authorization` header of a connection that stays open. Who has opened with a header is
 * not hashed again for the same one; another header is. Only the length of what opened can be told from the time.
 */
export function createHeaderCheck(
  expected: string,
): (connection: object, header: string | undefined) => boolean {
  const isKey = createKeyCheck(expected)
  const opened = new WeakMap<object, string>()
  return (connection, header) => {
    if (header === undefined) return false
    const before = opened.get(connection)
    if (before !== undefined && isSameText(before, header)) return true
    if (!isKey(presentedKey(header))) return false
    opened.set(connection, header)
    return true
  }
}

/** Looks at every character whatever it finds: others may share the connection through a proxy. */
function isSameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at)
  return difference === 0
}

function isPresent(key: string | undefined): boolean {
  return typeof key === 'string' && key.length > 0
}

/** UTF-16 keeps every text apart; in UTF-8 all unpaired surrogates would become one character. */
function digest(key: string | undefined): Buffer {
  return hash('sha256', Buffer.from(typeof key === 'string' ? key : '', 'utf16le'), 'buffer')
}

/** A new key of `bytes` random bytes, in base64url. */
export function makeKey(bytes = 32): string {
  return randomBytes(bytes).toString('base64url')
}

const EXAMPLE_KEY =
  /^(?:(?:change|replace)[-_ ]?(?:me|this)\b.*|your[-_ ].*|<.*>|example(?:[-_ ].*)?|secret|password|default|x{3,}|\*{3,})$/i

/** Why a configured key must not be used, as the end of a sentence; undefined when it may. */
export function findKeyProblem(key: string): string | undefined {
  if (key.trim() === '') return 'is empty'
  if (EXAMPLE_KEY.test(key)) return 'is an example, which anybody may know'
  return /[^\x21-\x7e]/.test(key) ? 'has a space or a character that a header cannot carry' : undefined
}

const keySetSchema = z.object({
  LB_AUTH_KEY: z.string().min(1),
  FLEET_KEY: z.string().min(1),
  WORKER_AUTH_KEY: z.string().min(1),
})

export type KeySet = Readonly<z.infer<typeof keySetSchema>>

const KEY_FILE_BYTES = 64 * 1024

/** Where the keys of a data folder lie. */
export function keyFilePath(dir: string): string {
  return join(dir, 'keys.json')
}

/** The keys of a data folder; undefined when none were made yet. Throws on a file that is no key file. */
export function readKeyFile(dir: string): KeySet | undefined {
  const path = keyFilePath(dir)
  let text: string
  try {
    text = readSmallFile(path, KEY_FILE_BYTES).toString('utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`cannot read the keys in ${path}: ${(error as Error).message}`)
  }
  const parsed = keySetSchema.safeParse(parseJson(text))
  if (parsed.success) return Object.freeze(parsed.data)
  throw new Error(`${path} is not a key file; restore it, or remove it to have new keys made`)
}

/**
 * The keys of a data folder, made when there are none. Processes that start together agree: the file appears
 * in one step, and who comes second reads what the first one made.
 */
export function ensureKeyFile(dir: string): KeySet {
  ensureFolder(dir)
  const found = readKeyFile(dir)
  if (found !== undefined) {
    tighten(keyFilePath(dir))
    return found
  }
  const made: KeySet = { LB_AUTH_KEY: makeKey(), FLEET_KEY: makeKey(), WORKER_AUTH_KEY: makeKey() }
  createFileAtomic(keyFilePath(dir), `${JSON.stringify(made, null, 2)}\n`)
  const kept = readKeyFile(dir)
  if (kept === undefined)
    throw new Error(`${keyFilePath(dir)} was removed while it was being made; start again`)
  return kept
}

/** A copy or a restore may have opened the file to others; one that belongs to another user stays as it is. */
function tighten(path: string): void {
  try {
    chmodSync(path, 0o600)
  } catch {}
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
