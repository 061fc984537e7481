/** How every route words a body that is wrong at a place: the first one as a sentence, all of them as pointers. */
import type { FieldError, TaskError } from '@berth/protocol'

export interface WrongBody {
  readonly ok: false
  readonly error: TaskError
}

export function wrongField(pointer: string, detail: string): WrongBody {
  return wrongFields([{ pointer, detail }])
}

export function wrongFields(errors: readonly FieldError[]): WrongBody {
  const [first] = errors
  const place = first?.pointer ? ` at ${first.pointer}` : ''
  const detail = `The body is wrong${place}: ${first?.detail ?? 'it is of another shape'}.`
  return { ok: false, error: { code: 'INVALID_REQUEST', detail, errors } }
}
