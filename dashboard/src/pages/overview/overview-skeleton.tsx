/** The overview's own layout before the first message: grey shapes where figures will be, no jump. */
const TILES = ['workers', 'slots', 'waiting', 'oldest', 'completed', 'errors']
const ROWS = ['a', 'b', 'c']

export function OverviewSkeleton() {
  return (
    <div className="skeleton" aria-hidden="true">
      <div className="tiles overview-tiles">
        {TILES.map((tile) => (
          <div key={tile} className="tile kit-tile">
            <span className="bone bone-short" />
            <span className="bone bone-tall" />
            <span className="bone bone-short" />
            <span className="tile-spark" />
          </div>
        ))}
      </div>
      <div className="overview-columns">
        {['attention', 'recent'].map((panel) => (
          <div key={panel} className="panel">
            {ROWS.map((row) => (
              <div key={row} className="bone-row">
                <span className="bone" />
                <span className="bone bone-short" />
              </div>
            ))}
          </div>
        ))}
      </div>
      <div className="charts overview-charts-space" />
    </div>
  )
}
