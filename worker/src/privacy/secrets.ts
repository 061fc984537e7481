/**
 * The texts that may not leave this process: values of FUNCTION_ENV_FILE, in every form in which they are
 * usually written. Made once at start; given to the log, and asked for every error that leaves.
 * Invariant: a masked text holds none of them.
 */
import type { OutcomeError } from '@berth/protocol'
import { MASK } from './paths.ts'

/** Shorter values are settings ("eu", "443"), and replacing them would tear every line apart. */
const SECRET_LEAST = 4
/** A line of a key in PEM form is a secret by itself. */
const LINE_LEAST = 16
const PLAIN: ReadonlySet<string> = new Set(['true', 'false', 'null', 'none'])

export class Secrets {
  /** The longest first. */
  readonly texts: readonly string[]

  constructor(values: Iterable<string> = []) {
    const forms = new Set<string>()
    for (const value of values) for (const form of formsOf(value)) forms.add(form)
    this.texts = [...forms].sort((a, b) => b.length - a.length)
  }

  mask(text: string): string {
    return maskTexts(text, this.texts)
  }
}

/** The error with `texts` replaced in all that is to be read. */
export function maskError(error: OutcomeError, texts: readonly string[]): OutcomeError {
  if (texts.length === 0) return error
  const { errors, message, ...rest } = error
  const masked = { ...rest, message: maskTexts(message, texts) }
  if (!errors) return masked
  return {
    ...masked,
    errors: errors.map((entry) => ({ ...entry, detail: maskTexts(entry.detail, texts) })),
  }
}

function maskTexts(text: string, texts: readonly string[]): string {
  let shown = text
  for (const secret of texts) if (secret.length <= shown.length) shown = shown.replaceAll(secret, MASK)
  return shown
}

function formsOf(value: string): string[] {
  const trimmed = value.trim()
  if (trimmed.length < SECRET_LEAST || PLAIN.has(trimmed.toLowerCase())) return []
  const lines = trimmed.split(/\r?\n/).filter((line) => line.length >= LINE_LEAST)
  const bytes = Buffer.from(trimmed)
  return [
    trimmed,
    ...lines,
    JSON.stringify(trimmed).slice(1, -1),
    // A lone surrogate has no such form.
    ...(trimmed.isWellFormed() ? [encodeURIComponent(trimmed)] : []),
    bytes.toString('base64'),
    bytes.toString('base64url'),
  ]
}
