/**
 * Faceted filters: a button a facet that opens its values with counts, and what is picked as chips that take it
 * back. The caller counts and keeps what is picked (in the address); values of one facet are alternatives.
 * Bounded: of a facet with more values than can be read, those with the most are shown and the rest is searched for.
 */
import { memo, type ReactNode, useCallback, useLayoutEffect, useRef, useState } from 'react'
import { formatCount, visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { Button } from './button.tsx'
import { Chip } from './chip.tsx'
import { Popover } from './popover.tsx'
import './facets.css'

export interface FacetValue {
  readonly value: string
  /** What is shown and searched; the value itself unless given. */
  readonly label?: string
  readonly mark?: ReactNode
  readonly count: number
}

export interface Facet {
  readonly name: string
  readonly label: string
  readonly values: readonly FacetValue[]
  readonly picked: ReadonlySet<string>
}

/** Facets behind one button: one, or several under headings, as tags are. */
export interface FacetMenu {
  readonly label: string
  readonly facets: readonly Facet[]
}

interface Props {
  readonly menus: readonly FacetMenu[]
  onToggle(name: string, value: string): void
  onClear(): void
  /** Whether the values of one are in view: only then have counts to be fresh. */
  onLook?(isLooking: boolean): void
  /** Before and behind the buttons. */
  readonly children?: ReactNode
  readonly after?: ReactNode
}

/** Values of one facet that are listed at once. */
const LISTED = 50
/** From so many values on there is a box to search them. */
const SEARCHED_FROM = 8

export function FacetBar({ menus, onToggle, onClear, onLook, children, after }: Props) {
  const shown = menus.filter(({ facets }) => facets.length > 0)
  const latest = useRef(onToggle)
  useLayoutEffect(() => {
    latest.current = onToggle
  })
  const toggle = useCallback((name: string, value: string) => latest.current(name, value), [])
  return (
    <div className="facets">
      <div className="facet-tools">
        {children}
        {shown.map((menu) => (
          <FacetButton key={menu.label} menu={menu} onToggle={toggle} onLook={onLook} />
        ))}
        {after}
      </div>
      <PickedChips menus={shown} onToggle={onToggle} onClear={onClear} />
    </div>
  )
}

interface ButtonProps extends Pick<Props, 'onToggle' | 'onLook'> {
  readonly menu: FacetMenu
}

/** Drawn again only when its values are others: what it stands above may be drawn four times a second. */
const FacetButton = memo(function FacetButton({ menu, onToggle, onLook }: ButtonProps) {
  const picked = menu.facets.reduce((sum, facet) => sum + facet.picked.size, 0)
  return (
    <Popover
      label={menu.label}
      onToggle={onLook}
      trigger={
        <Button kind="plain" className={picked > 0 ? 'facet-button facet-picked' : 'facet-button'}>
          {menu.label}
          {picked > 0 && <span className="facet-number">{formatCount(picked)}</span>}
        </Button>
      }
    >
      <FacetList menu={menu} onToggle={onToggle} />
    </Popover>
  )
})

function FacetList({ menu, onToggle }: { menu: FacetMenu; onToggle: Props['onToggle'] }) {
  const [words, setWords] = useState('')
  const all = menu.facets.reduce((sum, facet) => sum + facet.values.length, 0)
  const sections = menu.facets.flatMap((facet) => {
    const values = findValues(facet, words)
    return values.length > 0 ? [{ facet, values }] : []
  })
  return (
    <div className="facet-list">
      {all > SEARCHED_FROM && (
        <input
          type="search"
          className="field"
          aria-label={text.kit.facets.search(menu.label)}
          placeholder={text.kit.facets.search(menu.label)}
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
      )}
      {sections.map(({ facet, values }) => (
        <FacetSection
          key={facet.name}
          facet={facet}
          values={values}
          isTitled={menu.facets.length > 1}
          onToggle={onToggle}
        />
      ))}
      {sections.length === 0 && <p className="muted">{text.kit.facets.nothing}</p>}
    </div>
  )
}

interface SectionProps {
  readonly facet: Facet
  readonly values: readonly FacetValue[]
  readonly isTitled: boolean
  readonly onToggle: Props['onToggle']
}

function FacetSection({ facet, values, isTitled, onToggle }: SectionProps) {
  const more = values.length - LISTED
  return (
    <fieldset className="facet-section">
      <legend className={isTitled ? 'facet-title' : 'only-heard'}>{visible(facet.label)}</legend>
      {values.slice(0, LISTED).map((value) => (
        <label key={value.value} className="facet-value">
          <input
            type="checkbox"
            checked={facet.picked.has(value.value)}
            onChange={() => onToggle(facet.name, value.value)}
          />
          {value.mark ?? <span className="facet-word">{wordOf(value)}</span>}
          <span className="facet-count">{formatCount(value.count)}</span>
        </label>
      ))}
      {more > 0 && <p className="muted facet-more">{text.kit.facets.more(more)}</p>}
    </fieldset>
  )
}

function PickedChips({ menus, onToggle, onClear }: Pick<Props, 'menus' | 'onToggle' | 'onClear'>) {
  const picked = menus.flatMap(({ facets }) =>
    facets.flatMap((facet) => [...facet.picked].map((value) => ({ facet, value }))),
  )
  if (picked.length === 0) return null
  return (
    <ul className="facet-chips" aria-label={text.kit.facets.picked}>
      {picked.map(({ facet, value }) => (
        <li key={`${facet.name}\n${value}`}>
          <Chip
            name={facet.label}
            value={facet.values.find((one) => one.value === value)?.label ?? value}
            onRemove={() => onToggle(facet.name, value)}
          />
        </li>
      ))}
      <li>
        <Button kind="quiet" onClick={onClear}>
          {text.kit.facets.clear}
        </Button>
      </li>
    </ul>
  )
}

/** What is picked stands first, then what is most. */
function findValues({ values, picked }: Facet, words: string): readonly FacetValue[] {
  const wanted = words.trim().toLowerCase()
  const found =
    wanted === '' ? values : values.filter((value) => wordOf(value).toLowerCase().includes(wanted))
  const rank = (value: FacetValue) => (picked.has(value.value) ? 0 : 1)
  return [...found].sort((a, b) => rank(a) - rank(b) || b.count - a.count || compare(wordOf(a), wordOf(b)))
}

function wordOf({ label, value }: FacetValue): string {
  return label ?? visible(value)
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

function compare(a: string, b: string): number {
  return collator.compare(a, b)
}
