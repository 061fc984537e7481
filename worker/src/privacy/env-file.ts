/**
 * Reads FUNCTION_ENV_FILE, a file of `NAME=value` lines: what functions and services get as `ctx.env`.
 * Called once at start by `main.ts`, and by threads that run functions.
 * Invariant: the values are in no message.
 */
import { parseEnv } from 'node:util'
import { readSmallFile } from '@berth/runtime'

export type FunctionEnv = Readonly<Record<string, string>>

export type ReadEnvFile =
  | { readonly ok: true; readonly env: FunctionEnv }
  | { readonly ok: false; readonly message: string }

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const FILE_LIMIT_BYTES = 1024 * 1024

/** Without a path there is nothing to give. */
export function readEnvFile(path: string | undefined): ReadEnvFile {
  if (path === undefined) return { ok: true, env: Object.freeze(Object.create(null)) }
  let text: string
  try {
    text = readSmallFile(path, FILE_LIMIT_BYTES).toString('utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === undefined ? `${message}; it holds settings, not data` : `cannot be read (${code})`
    return { ok: false, message: `names the file ${path}, which ${why}` }
  }
  const env: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(parseEnv(text.replace(/^\ufeff/, '')))) {
    if (!NAME.test(name))
      return {
        ok: false,
        message: `names the file ${path}, which sets ${JSON.stringify(name.slice(0, 64))}: no usable name`,
      }
    env[name] = value ?? ''
  }
  return { ok: true, env: Object.freeze(env) }
}
