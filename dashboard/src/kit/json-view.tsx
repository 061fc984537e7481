/**
 * A JSON value as a tree that opens and closes, by pointer and by keys (arrows, Home, End, Enter). Whatever the value
 * holds is drawn as text; what the balancer hides carries a mark; of a large value a thousand nodes show until more
 * are asked for. Used wherever input, results and messages show.
 */
import { type KeyboardEvent, useMemo, useRef, useState } from 'react'
import { formatCount, visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { Badge } from './badge.tsx'
import { Button } from './button.tsx'
import { CopyButton } from './copy.tsx'
import { type IsOpen, type JsonLine, linesOf, parentOf } from './json-lines.ts'
import { Icon } from './marks.tsx'
import './json-view.css'

interface Props {
  readonly value: unknown
  /** What it is: "Input". */
  readonly label: string
  /** Levels that are open at first; default 2. */
  readonly openLevels?: number
  /** Without a button that copies it all. */
  readonly isBare?: boolean
  readonly maxHeight?: string
}

const FIRST_NODES = 1_000

export function JsonView({ value, label, openLevels = 2, isBare, maxHeight }: Props) {
  const [limit, setLimit] = useState(FIRST_NODES)
  const [turned, setTurned] = useState<ReadonlyMap<string, boolean>>(new Map())
  const [current, setCurrent] = useState('')
  const tree = useRef<HTMLDivElement>(null)
  const { lines, isCut } = useMemo(() => {
    const isOpen: IsOpen = (path, depth) => turned.get(path) ?? depth < openLevels
    return linesOf(value, isOpen, limit)
  }, [value, turned, limit, openLevels])
  const turn = (path: string, open: boolean) => setTurned((old) => new Map(old).set(path, open))
  const go = (path: string | null | undefined) => {
    if (path === null || path === undefined) return
    setCurrent(path)
    const at = lines.findIndex((line) => line.path === path)
    tree.current?.querySelectorAll<HTMLElement>('[role="treeitem"]')[at]?.focus()
  }
  const press = (event: KeyboardEvent<HTMLElement>, line: JsonLine, at: number) => {
    const act = actionOf(event.key, line, at, lines)
    if (!act) return
    event.preventDefault()
    event.stopPropagation()
    if ('open' in act) turn(line.path, act.open)
    else go(act.go)
  }
  const inTree = lines.some(({ path }) => path === current) ? current : ''
  return (
    <div className="json">
      {!isBare && (
        <div className="json-tools">
          <CopyButton value={JSON.stringify(value ?? null, null, 2)} label={text.json.copy(label)} />
        </div>
      )}
      <div className="json-box" style={{ maxHeight }}>
        <div ref={tree} role="tree" aria-label={label} className="json-tree">
          {lines.map((line, at) => (
            <div
              key={line.path}
              role="treeitem"
              aria-level={line.depth + 1}
              aria-expanded={line.isOpen ?? undefined}
              aria-selected={line.path === inTree}
              tabIndex={line.path === inTree ? 0 : -1}
              className={`json-line json-${line.kind}`}
              style={{ '--depth': Math.min(line.depth, 12) } as object}
              onKeyDown={(event) => press(event, line, at)}
              onFocus={() => setCurrent(line.path)}
              onClick={() => line.isOpen !== null && !hasSelection() && turn(line.path, !line.isOpen)}
            >
              <Line line={line} />
            </div>
          ))}
        </div>
      </div>
      {isCut && (
        <p className="json-cut">
          {text.json.cut(formatCount(lines.length))}{' '}
          <Button kind="quiet" onClick={() => setLimit(limit + FIRST_NODES)}>
            {text.json.more(formatCount(FIRST_NODES))}
          </Button>
        </p>
      )}
    </div>
  )
}

function Line({ line }: { line: JsonLine }) {
  const { name, kind, isOpen, size } = line
  return (
    <>
      <span className={isOpen ? 'json-turn json-turned' : 'json-turn'}>
        {isOpen !== null && <Icon name="chevron" />}
      </span>
      {name !== null && <span className="json-name">{visible(name)}: </span>}
      {kind === 'hidden' && <Badge tone="held">{text.json.hidden}</Badge>}
      {kind === 'object' && (
        <span className="json-size">{isOpen ? '{' : size === 0 ? '{}' : text.json.members(size)}</span>
      )}
      {kind === 'array' && (
        <span className="json-size">{isOpen ? '[' : size === 0 ? '[]' : text.json.elements(size)}</span>
      )}
      {kind === 'string' && <TextValue line={line} />}
      {(kind === 'number' || kind === 'boolean' || kind === 'null') && (
        <span className="json-plain">{line.text}</span>
      )}
    </>
  )
}

function TextValue({ line }: { line: JsonLine }) {
  const isCut = line.text.length < line.size
  return (
    <span className="json-text">
      “{line.isOpen ? line.text.split('\n').map(visible).join('\n') : visible(line.text)}
      {isCut ? '…' : '”'}
      {isCut && <span className="json-size"> {text.json.characters(line.size)}</span>}
    </span>
  )
}

type Act = { readonly open: boolean } | { readonly go: string | null | undefined } | null

function actionOf(key: string, line: JsonLine, at: number, lines: readonly JsonLine[]): Act {
  switch (key) {
    case 'ArrowDown':
      return { go: lines[at + 1]?.path }
    case 'ArrowUp':
      return { go: lines[at - 1]?.path }
    case 'Home':
      return { go: lines[0]?.path }
    case 'End':
      return { go: lines.at(-1)?.path }
    case 'ArrowRight':
      return line.isOpen === false ? { open: true } : { go: lines[at + 1]?.path }
    case 'ArrowLeft':
      return line.isOpen ? { open: false } : { go: parentOf(line.path) }
    case 'Enter':
    case ' ':
      return line.isOpen === null ? null : { open: !line.isOpen }
    default:
      return null
  }
}

/** Whoever selects text does not want to close what he reads. */
function hasSelection(): boolean {
  return (window.getSelection()?.toString() ?? '') !== ''
}
