/** A number of bytes in its largest unit. Pure. */
import { text } from '../../text/text.ts'

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB']
const format = new Intl.NumberFormat(text.locale, { maximumFractionDigits: 1 })

export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1_024 && unit < UNITS.length - 1) {
    value /= 1_024
    unit += 1
  }
  return `${format.format(value)} ${UNITS[unit]}`
}
