/**
 * The `tags` of a task as chips: a tag and what it must be, with what the fleet's workers have to choose from. Naming a
 * tag again makes a list of alternatives. Beside it stands how many workers match, asked of the balancer.
 */
import { type Selector, selectorSchema } from '@berth/protocol'
import { useId, useMemo, useState } from 'react'
import { useFeed } from '../../../feed/use-feed.tsx'
import { Button } from '../../../kit/button.tsx'
import { Chip } from '../../../kit/chip.tsx'
import { text } from '../../../text/text.ts'

interface Props {
  readonly tags: Selector | null
  onChange(tags: Selector | null): void
}

const MAX_OFFERED = 50

export function TagPicker({ tags, onChange }: Props) {
  const id = useId()
  const known = useKnownTags()
  const [name, setName] = useState('')
  const [value, setValue] = useState('')
  const [isRefused, setRefused] = useState(false)
  const add = () => {
    const before = tags !== null && Object.hasOwn(tags, name) ? tags[name] : undefined
    const next = { ...tags, [name]: before === undefined ? value : [before, value].flat() }
    const isFine = name !== '' && value !== '' && selectorSchema.safeParse(next).success
    setRefused(!isFine)
    if (!isFine) return
    onChange(next)
    setName('')
    setValue('')
  }
  const remove = (key: string) => {
    const { [key]: _removed, ...rest } = tags ?? {}
    onChange(Object.keys(rest).length === 0 ? null : rest)
  }
  return (
    <fieldset className="invoke-tags">
      <legend className="form-label">{text.invoke.options.tags}</legend>
      {tags !== null && (
        <div className="row">
          {Object.entries(tags).map(([key, wanted]) => (
            <Chip key={key} name={key} value={[wanted].flat().join(' | ')} onRemove={() => remove(key)} />
          ))}
        </div>
      )}
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault()
          add()
        }}
      >
        <input
          className="field"
          aria-label={text.invoke.options.tagName}
          placeholder={text.invoke.options.tagName}
          list={`${id}-names`}
          value={name}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setName(event.target.value)}
        />
        <input
          className="field"
          aria-label={text.invoke.options.tagValue}
          placeholder={text.invoke.options.tagValue}
          list={`${id}-values`}
          value={value}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setValue(event.target.value)}
        />
        <datalist id={`${id}-names`}>
          {[...known.keys()].slice(0, MAX_OFFERED).map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <datalist id={`${id}-values`}>
          {[...(known.get(name) ?? [])].slice(0, MAX_OFFERED).map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <Button type="submit" icon="plus" isIconOnly>
          {text.invoke.options.addTag}
        </Button>
      </form>
      <p className="form-hint">{text.invoke.options.tagsHint}</p>
      {isRefused && (
        <p className="form-error" role="alert">
          {text.invoke.options.wrongTag}
        </p>
      )}
    </fieldset>
  )
}

/** Tags of the fleet's workers with their values. */
function useKnownTags(): ReadonlyMap<string, ReadonlySet<string>> {
  const { workers } = useFeed().feed
  return useMemo(() => {
    const known = new Map<string, Set<string>>()
    for (const worker of workers.values()) {
      for (const [name, value] of Object.entries(worker.tags)) {
        const values = known.get(name) ?? new Set()
        for (const one of [value].flat()) values.add(String(one))
        known.set(name, values)
      }
    }
    return new Map([...known].sort(([a], [b]) => (a < b ? -1 : 1)))
  }, [workers])
}
