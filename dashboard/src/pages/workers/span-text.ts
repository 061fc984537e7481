/**
 * Spans as people write them: `90s`, `1h30m`, `2 h 15 min`. Pure. A number without a unit is refused rather than
 * guessed, and so is a unit that comes twice or out of order.
 */
export type ReadSpan =
  | { readonly ok: true; readonly ms: number }
  | {
      readonly ok: false
      readonly why: 'empty' | 'no-unit' | 'unknown-unit' | 'order' | 'zero' | 'too-long'
      readonly part: string
    }

const UNITS = [
  { names: ['d', 'day', 'days', 'tag', 'tage'], ms: 86_400_000 },
  { names: ['h', 'hr', 'hour', 'hours', 'std', 'stunde', 'stunden'], ms: 3_600_000 },
  { names: ['m', 'min', 'mins', 'minute', 'minutes', 'minuten'], ms: 60_000 },
  { names: ['s', 'sec', 'secs', 'second', 'seconds', 'sek', 'sekunde', 'sekunden'], ms: 1_000 },
]
const LONGEST_MS = 30 * 86_400_000

export function readSpan(text: string): ReadSpan {
  const whole = text.trim().toLowerCase()
  if (whole === '') return fail('empty', '')
  const parts = whole.match(/^(?:\d+(?:[.,]\d+)?\s*[a-z]*\s*)+$/)
    ? whole.match(/\d+(?:[.,]\d+)?\s*[a-z]*/g)
    : null
  if (!parts) return fail('unknown-unit', whole)
  let [ms, last] = [0, -1]
  for (const part of parts) {
    const [, number = '', name = ''] = /^(\d+(?:[.,]\d+)?)\s*([a-z]*)$/.exec(part) ?? []
    if (name === '') return fail('no-unit', part.trim())
    const at = UNITS.findIndex(({ names }) => names.includes(name))
    const unit = UNITS[at]
    if (!unit) return fail('unknown-unit', name)
    if (at <= last) return fail('order', part.trim())
    last = at
    ms += Number(number.replace(',', '.')) * unit.ms
  }
  if (ms < 1_000) return fail('zero', whole)
  return ms > LONGEST_MS ? fail('too-long', whole) : { ok: true, ms: Math.round(ms) }
}

function fail(why: Extract<ReadSpan, { ok: false }>['why'], part: string): ReadSpan {
  return { ok: false, why, part }
}
