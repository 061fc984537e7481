/** The page's own layout before the first message: grey shapes where figures will be, no jump. */
const TILES = ['workers', 'slots', 'waiting', 'completed', 'failed']
const ROWS = ['a', 'b', 'c']

export function WorkersSkeleton() {
  return (
    <div className="skeleton" aria-hidden="true">
      <div className="tiles">
        {TILES.map((tile) => (
          <div key={tile} className="tile">
            <span className="bone bone-short" />
            <span className="bone bone-tall" />
            <span className="bone bone-short" />
          </div>
        ))}
      </div>
      <div className="charts-head" />
      <div className="charts">
        <div className="panel chart-panel" />
        <div className="panel chart-panel" />
      </div>
      <div className="panel table-panel">
        {ROWS.map((row) => (
          <div key={row} className="bone-row">
            <span className="bone" />
            <span className="bone bone-short" />
            <span className="bone" />
          </div>
        ))}
      </div>
    </div>
  )
}
