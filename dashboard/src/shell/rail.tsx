/**
 * The way to every page: icons with words at the left, 200 px or 48 px wide as the reader likes. On a narrow
 * window it is a bar at the foot with the first pages and a menu with the rest.
 */
import { usePathname } from 'wouter/use-browser-location'
import { Link } from '../kit/link.tsx'
import { Icon, type IconName } from '../kit/marks.tsx'
import { ActionMenu } from '../kit/menu.tsx'
import { paths } from '../paths.ts'
import { findRoute, type PageName } from '../routes.ts'
import { text } from '../text/text.ts'

export type RailPage = keyof typeof text.shell.pages & IconName

export interface RailEntry {
  readonly page: RailPage
  readonly path: string
  /** Pages that count as this one. */
  readonly also?: readonly PageName[]
  /** After `g`. */
  readonly key?: string
  /** A line above. */
  readonly isApart?: boolean
}

export const RAIL: readonly RailEntry[] = [
  { page: 'overview', path: paths.overview(), key: 'o' },
  { page: 'workers', path: paths.workers(), also: ['worker'], key: 'w' },
  { page: 'capability', path: paths.capability(), key: 'g' },
  { page: 'tasks', path: paths.runs(), also: ['task'], key: 't', isApart: true },
  { page: 'queue', path: paths.queue(), key: 'q' },
  { page: 'functions', path: paths.functions(), also: ['function'], key: 'f' },
  { page: 'invoke', path: paths.invoke(), key: 'i' },
  { page: 'schedules', path: paths.schedules(), also: ['schedule'], key: 's' },
  { page: 'logs', path: paths.logs(), key: 'l', isApart: true },
  { page: 'config', path: paths.config(), key: 'c' },
  { page: 'activity', path: paths.activity(), key: 'a' },
]

/** Stand in the bar at the foot of a narrow window; the others in its menu. */
const IN_BAR = 4

export function Rail({ isWide, onToggle }: { isWide: boolean; onToggle: () => void }) {
  const current = findRoute(usePathname())?.route.name ?? null
  return (
    <nav className="rail" aria-label={text.shell.mainMenu}>
      <ul>
        {RAIL.map((entry, i) => (
          <li
            key={entry.page}
            className={[entry.isApart && 'rail-apart', i >= IN_BAR && 'rail-more'].filter(Boolean).join(' ')}
          >
            <RailLink entry={entry} isCurrent={isOf(entry, current)} isWide={isWide} />
          </li>
        ))}
        <li className="rail-rest">
          <ActionMenu
            label={text.shell.more}
            kind="quiet"
            icon="menu"
            isIconOnly
            items={RAIL.slice(IN_BAR).map((entry) => ({
              label: text.shell.pages[entry.page],
              icon: entry.page,
              href: entry.path,
            }))}
          />
        </li>
      </ul>
      <button type="button" className="rail-toggle" aria-expanded={isWide} onClick={onToggle}>
        <Icon name={isWide ? 'collapse' : 'chevron'} />
        <span className="rail-word">{isWide ? text.shell.collapse : text.shell.expand}</span>
      </button>
    </nav>
  )
}

function RailLink({ entry, isCurrent, isWide }: { entry: RailEntry; isCurrent: boolean; isWide: boolean }) {
  const word = text.shell.pages[entry.page]
  return (
    <Link
      to={entry.path}
      className="rail-link"
      aria-current={isCurrent ? 'page' : undefined}
      title={isWide ? undefined : word}
    >
      <Icon name={entry.page} />
      <span className="rail-word">{word}</span>
    </Link>
  )
}

function isOf(entry: RailEntry, current: PageName | null): boolean {
  return current !== null && (entry.page === current || (entry.also?.includes(current) ?? false))
}
