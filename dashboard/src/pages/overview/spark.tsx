/** A curve without axes, as wide as its place. Gaps are gaps. Decoration: the figure stands beside it. */
interface Props {
  readonly values: readonly (number | null)[]
  readonly label: string
}

const WIDTH = 120
const HEIGHT = 28

export function Spark({ values, label }: Props) {
  const most = Math.max(1e-9, ...values.map((value) => value ?? 0))
  const x = (i: number) => (i / Math.max(1, values.length - 1)) * WIDTH
  const y = (value: number) => HEIGHT - 1 - (value / most) * (HEIGHT - 3)
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <title>{label}</title>
      {runsOf(values).map((run) => {
        const line = run.map(({ i, value }) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join('L')
        const [first, last] = [x(run[0]?.i ?? 0).toFixed(1), x(run.at(-1)?.i ?? 0).toFixed(1)]
        return (
          <g key={first}>
            <path className="spark-fill" d={`M${first} ${HEIGHT}L${line}L${last} ${HEIGHT}Z`} />
            <path className="spark-line" d={`M${line}`} />
          </g>
        )
      })}
    </svg>
  )
}

interface SparkPoint {
  readonly i: number
  readonly value: number
}

function runsOf(values: readonly (number | null)[]): readonly (readonly SparkPoint[])[] {
  const runs: SparkPoint[][] = []
  let current: SparkPoint[] | null = null
  for (const [i, value] of values.entries()) {
    if (value === null) current = null
    else {
      if (!current) {
        current = []
        runs.push(current)
      }
      current.push({ i, value })
    }
  }
  return runs
}
