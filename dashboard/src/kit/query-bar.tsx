/**
 * A query as chips and a field that completes qualifiers (`fn:`, `state:` …) and their values. The query itself lives
 * with the caller, in the page's address; what is typed becomes part of it with Enter. `/` leads here.
 */
import { Combobox, ComboboxItem, ComboboxPopover, ComboboxProvider } from '@ariakit/react'
import { type KeyboardEvent, useMemo, useRef, useState } from 'react'
import { useKeys } from '../shell/keys.ts'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { Button } from './button.tsx'
import { Chip } from './chip.tsx'
import { Icon } from './marks.tsx'
import { completionsOf, parseQuery, type Qualifier } from './query-words.ts'
import './query-bar.css'

export type QueryValues = Readonly<Record<string, string | undefined>>

interface Props {
  /** What is searched: "Search tasks". */
  readonly label: string
  readonly qualifiers: readonly Qualifier[]
  /** What each qualifier means, in a few words. */
  describe(qualifier: Qualifier): string
  /** By member; `q` has the plain words. */
  readonly values: QueryValues
  /** Members that change; null takes one away. */
  onChange(next: Readonly<Record<string, string | null>>): void
  /** Qualifiers that people try and that are not searched. */
  isUnsearchable?(name: string): boolean
  /** Why they are not. */
  readonly unsearchableWhy?: string
}

const WORDS = 'q'

export function QueryBar(props: Props) {
  const { label, qualifiers, describe, values, onChange, isUnsearchable, unsearchableWhy } = props
  const [typed, setTyped] = useState('')
  const [complaint, setComplaint] = useState<string | null>(null)
  const field = useRef<HTMLInputElement>(null)
  const completions = useMemo(() => completionsOf(typed, qualifiers, describe), [typed, qualifiers, describe])
  useKeys({ '/': { label: text.query.key, run: () => field.current?.focus() } })

  const take = (query: string) => {
    const { members, words, unsearchable, unknown } = parseQuery(query, qualifiers, isUnsearchable)
    if (unsearchable.length > 0 || unknown.length > 0) {
      const why = unsearchable.length > 0 ? unsearchableWhy : undefined
      setComplaint(
        [text.query.unknown([...unsearchable, ...unknown].map(visible)), why].filter(Boolean).join(' '),
      )
      return
    }
    setComplaint(null)
    setTyped('')
    const joined = [values[WORDS], words].filter(Boolean).join(' ')
    if (words !== '' || Object.keys(members).length > 0)
      onChange(words === '' ? members : { ...members, [WORDS]: joined })
  }
  const pressKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Enter' && !event.defaultPrevented) take(typed)
    if (event.key === 'Backspace' && typed === '') removeLast()
    if (event.key === 'Escape' && typed === '') field.current?.blur()
  }
  const chips = chipsOf(qualifiers, values)
  const removeLast = () => {
    const last = chips.at(-1)
    if (last) onChange({ [last.member]: null })
  }
  return (
    <div className="query">
      <div className="query-box">
        <Icon name="search" />
        {chips.map(({ member, name, value }) => (
          <Chip key={member} name={name} value={value} onRemove={() => onChange({ [member]: null })} />
        ))}
        <ComboboxProvider
          value={typed}
          setValue={(next) => {
            setTyped(next)
            setComplaint(null)
          }}
          resetValueOnHide={false}
        >
          <Combobox
            ref={field}
            className="query-field"
            aria-label={label}
            aria-describedby={complaint === null ? undefined : 'query-complaint'}
            aria-invalid={complaint !== null || undefined}
            placeholder={chips.length === 0 ? text.query.placeholder(label) : undefined}
            autoComplete="list"
            spellCheck={false}
            onKeyDown={pressKey}
          />
          <ComboboxPopover className="menu query-menu" gutter={6} portal unmountOnHide aria-label={label}>
            {completions.map((one) => (
              <ComboboxItem
                key={one.text}
                className="menu-item"
                value={one.text}
                setValueOnClick={false}
                hideOnClick={one.isWhole}
                focusOnHover
                onClick={() => {
                  if (one.isWhole) take(one.text)
                  else setTyped(one.text)
                }}
              >
                <span className="menu-words">
                  <span className="query-word">{visible(one.label)}</span>
                  {one.detail !== undefined && <span className="menu-why">{visible(one.detail)}</span>}
                </span>
              </ComboboxItem>
            ))}
            {typed.trim() !== '' && (
              <ComboboxItem
                className="menu-item"
                value={typed}
                setValueOnClick={false}
                onClick={() => take(typed)}
              >
                <span className="menu-words">{text.query.search(visible(typed.trim()))}</span>
              </ComboboxItem>
            )}
          </ComboboxPopover>
        </ComboboxProvider>
        {chips.length > 0 && (
          <Button
            kind="quiet"
            onClick={() => onChange(Object.fromEntries(chips.map(({ member }) => [member, null])))}
          >
            {text.query.clear}
          </Button>
        )}
      </div>
      {complaint !== null && (
        <p className="query-complaint" id="query-complaint" role="alert">
          {complaint}
        </p>
      )}
    </div>
  )
}

interface QueryChip {
  readonly member: string
  readonly name: string | undefined
  readonly value: string
}

/** In the order of the qualifiers; words last. */
export function chipsOf(qualifiers: readonly Qualifier[], values: QueryValues): QueryChip[] {
  const chips = qualifiers.flatMap((qualifier): QueryChip[] => {
    const value = values[qualifier.member]
    return value
      ? [{ member: qualifier.member, name: qualifier.name, value: shownValue(qualifier, value) }]
      : []
  })
  const words = values[WORDS]
  return words ? [...chips, { member: WORDS, name: undefined, value: words }] : chips
}

function shownValue({ values = [] }: Qualifier, value: string): string {
  const wordOf = (one: string) => values.find((known) => (known.value ?? known.word) === one)?.word ?? one
  return value.split(',').map(wordOf).join(',')
}
