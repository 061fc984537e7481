/**
 * The frame of every page and its blocks: heading with lead and actions, panels, figures in tiles, lists of
 * names and values. `Page` also sets the title of the tab.
 */
import { type ReactNode, useEffect, useId } from 'react'
import { useBalancerName } from '../feed/use-feed.tsx'
import { text } from '../text/text.ts'
import { Link } from './link.tsx'
import type { Tone } from './marks.tsx'

interface PageFrameProps {
  readonly title: string
  /** The tab's title, when it should say more than the heading. */
  readonly tabTitle?: string
  /** One sentence beside the heading: the verdict in words. */
  readonly lead?: ReactNode
  readonly actions?: ReactNode
  /** A mark before the heading: the state of what the page is about. */
  readonly state?: ReactNode
  readonly children?: ReactNode
}

export function Page({ title, tabTitle, lead, actions, state, children }: PageFrameProps) {
  const balancer = useBalancerName()
  useEffect(() => {
    document.title = text.shell.pageTitle(tabTitle ?? title, balancer)
  }, [title, tabTitle, balancer])
  return (
    <>
      <header className="page-head">
        <div className="page-title">
          <h1>{title}</h1>
          {state}
        </div>
        {lead !== undefined && <div className="page-lead">{lead}</div>}
        {actions !== undefined && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </>
  )
}

interface PanelProps {
  readonly title?: string
  /** Beside the title, muted: what the figures are of. */
  readonly unit?: ReactNode
  readonly actions?: ReactNode
  readonly className?: string
  /** The content touches the panel's edge, as a table does. */
  readonly isFlush?: boolean
  readonly id?: string
  readonly children?: ReactNode
}

export function Panel({ title, unit, actions, className, isFlush, id, children }: PanelProps) {
  const headingId = useId()
  const classes = ['panel', 'kit-panel', isFlush && 'kit-panel-flush', className].filter(Boolean).join(' ')
  return (
    <section className={classes} aria-labelledby={title ? headingId : undefined} id={id}>
      {(title || actions !== undefined) && (
        <div className="kit-panel-head">
          {title && <h2 id={headingId}>{title}</h2>}
          {unit !== undefined && <span className="muted">{unit}</span>}
          {actions !== undefined && <div className="kit-panel-actions">{actions}</div>}
        </div>
      )}
      {children !== undefined && <div className="kit-panel-body">{children}</div>}
    </section>
  )
}

export interface KeyValue {
  readonly label: string
  readonly value: ReactNode
  readonly key?: string
}

/** Names and values; entries that are null, false or undefined are left out. */
export function KeyValues({ items }: { items: readonly (KeyValue | null | undefined | false)[] }) {
  return (
    <dl className="key-values">
      {items.map(
        (item) =>
          item && (
            <div key={item.key ?? item.label}>
              <dt>{item.label}</dt>
              <dd>{item.value ?? <span className="unknown">{text.unknown}</span>}</dd>
            </div>
          ),
      )}
    </dl>
  )
}

export interface TileProps {
  readonly label: string
  readonly value: ReactNode
  /** Small, after the value: "of 24", "per min". */
  readonly unit?: ReactNode
  /** One line below: what stands behind the figure. */
  readonly detail?: ReactNode
  /** A sparkline or a bar at the tile's foot. */
  readonly spark?: ReactNode
  readonly tone?: Tone
  /** A path: the tile leads there. */
  readonly href?: string
}

export function Tile({ label, value, unit, detail, spark, tone, href }: TileProps) {
  const classes = ['tile', 'kit-tile', tone && `tile-${tone}`].filter(Boolean).join(' ')
  const content = (
    <>
      <span className="tile-label">{label}</span>
      <span className="tile-value">
        <strong>{value}</strong> {unit !== undefined && <span className="tile-of">{unit}</span>}
      </span>
      {detail !== undefined && <span className="tile-note">{detail}</span>}
      {spark !== undefined && <span className="tile-spark">{spark}</span>}
    </>
  )
  if (href === undefined) return <div className={classes}>{content}</div>
  return (
    <Link to={href} className={`${classes} tile-link`}>
      {content}
    </Link>
  )
}
