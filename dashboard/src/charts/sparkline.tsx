/** A line without axes, as high as its box: the shape of the last minutes beside a figure. Gaps stay gaps. */
import type { Value } from './chart-data.ts'

interface Props {
  readonly values: readonly Value[]
  /** Of the upper end; the highest value unless given. */
  readonly most?: number
  /** In words, for who does not see it; without it the line is decoration. */
  readonly label?: string
  readonly tone?: 'accent' | 'bad' | 'calm'
}

const WIDTH = 120
const HEIGHT = 28
const PAD = 2

export function Sparkline({ values, most, label, tone = 'accent' }: Props) {
  const top = Math.max(most ?? 0, ...values.map((value) => value ?? 0), 1e-9)
  const step = WIDTH / Math.max(1, values.length - 1)
  const yOf = (value: number) => HEIGHT - PAD - (value / top) * (HEIGHT - 2 * PAD)
  const lines = linesOf(values)
  return (
    <svg
      className={`sparkline sparkline-${tone}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role={label ? 'img' : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : true}
    >
      {lines.map(({ from, values: line }) => {
        const points = line.map((value, at) => `${round((from + at) * step)} ${round(yOf(value))}`)
        const [first, last] = [round(from * step), round((from + line.length - 1) * step)]
        return (
          <g key={from}>
            <path
              className="sparkline-area"
              d={`M${first} ${HEIGHT}L${points.join('L')}L${last} ${HEIGHT}Z`}
            />
            <path className="sparkline-line" d={`M${points.join('L')}${line.length === 1 ? 'h0.01' : ''}`} />
          </g>
        )
      })}
    </svg>
  )
}

/** Stretches without a gap, with their begin. */
export function linesOf(values: readonly Value[]): { readonly from: number; readonly values: number[] }[] {
  const lines: { from: number; values: number[] }[] = []
  values.forEach((value, at) => {
    if (value === null) return
    const open = lines.at(-1)
    if (open && open.from + open.values.length === at) open.values.push(value)
    else lines.push({ from: at, values: [value] })
  })
  return lines
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
