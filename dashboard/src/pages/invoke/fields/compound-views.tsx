/** Fields made of fields: groups, lists, tuples and records. Each change gives a new draft of the whole. */
import { jsonPointer } from '@berth/protocol'
import type { ComponentType } from 'react'
import { Button } from '../../../kit/button.tsx'
import { text } from '../../../text/text.ts'
import { ABSENT, type Draft, type Entry, emptyDraft, presentDraft } from '../form/draft.ts'
import {
  type Field,
  type GroupField,
  type ListField,
  RAW_FIELD,
  type RecordField,
  type TupleField,
} from '../form/field.ts'
import type { FieldProps } from './field-props.ts'
import { useForm } from './form-context.ts'

type Is<Kind extends Draft['is']> = Extract<Draft, { is: Kind }>
interface Props<F extends Field, D extends Draft> extends Omit<FieldProps, 'field' | 'draft'> {
  readonly field: F
  readonly draft: D
  /** Draws what is below it. */
  readonly Item: ComponentType<FieldProps>
}

export function GroupView({ field, draft, pointer, onChange, Item }: Props<GroupField, Is<'group'>>) {
  return (
    <>
      {field.members.map(({ name, field: member, isRequired }) => (
        <Item
          key={name}
          field={member}
          draft={Object.hasOwn(draft.members, name) ? (draft.members[name] ?? ABSENT) : ABSENT}
          name={name}
          pointer={jsonPointer([name], pointer)}
          isRequired={isRequired}
          onChange={(next) => onChange({ ...draft, members: { ...draft.members, [name]: next } })}
        />
      ))}
      {(field.more !== null || draft.more.length > 0) && (
        <Entries
          entries={draft.more}
          value={field.more ?? RAW_FIELD}
          pointer={pointer}
          mayAdd={field.more !== null}
          Item={Item}
          onChange={(more) => onChange({ ...draft, more })}
        />
      )}
      {!field.isPart && field.members.length === 0 && field.more === null && draft.more.length === 0 && (
        <p className="muted">{text.invoke.form.noFields}</p>
      )}
    </>
  )
}

export function RecordView({ field, draft, pointer, onChange, Item }: Props<RecordField, Is<'record'>>) {
  return (
    <Entries
      entries={draft.entries}
      value={field.value}
      pointer={pointer}
      mayAdd
      Item={Item}
      onChange={(entries) => onChange({ is: 'record', entries })}
    />
  )
}

export function ListView({ field, draft, name, pointer, onChange, Item }: Props<ListField, Is<'list'>>) {
  const set = (items: readonly Draft[]) => onChange({ is: 'list', items })
  const isFull = field.maxItems !== null && draft.items.length >= field.maxItems
  return (
    <>
      {draft.items.map((item, at) => (
        <div className="invoke-item" key={jsonPointer([at], pointer)}>
          <Item
            field={field.item}
            draft={item}
            name={`${field.item.title ?? name} ${at + 1}`}
            pointer={jsonPointer([at], pointer)}
            isRequired
            onChange={(next) => set(draft.items.with(at, next))}
          />
          <Button kind="quiet" icon="bin" isIconOnly onClick={() => set(draft.items.toSpliced(at, 1))}>
            {text.kit.remove(`${field.item.title ?? name} ${at + 1}`)}
          </Button>
        </div>
      ))}
      <div>
        <Button
          icon="plus"
          disabledWhy={isFull && text.invoke.form.full}
          onClick={() => set([...draft.items, emptyDraft(field.item)])}
        >
          {text.invoke.form.addItem}
        </Button>
      </div>
    </>
  )
}

export function TupleView({ field, draft, name, pointer, onChange, Item }: Props<TupleField, Is<'list'>>) {
  return field.items.map((item, at) => (
    <Item
      key={jsonPointer([at], pointer)}
      field={item}
      draft={draft.items[at] ?? presentDraft(item)}
      name={`${name} ${at + 1}`}
      pointer={jsonPointer([at], pointer)}
      isRequired
      onChange={(next) =>
        onChange({
          is: 'list',
          items: field.items.map((own, index) =>
            index === at ? next : (draft.items[index] ?? presentDraft(own)),
          ),
        })
      }
    />
  ))
}

interface EntriesProps {
  readonly entries: readonly Entry[]
  readonly value: Field
  readonly pointer: string
  readonly mayAdd: boolean
  readonly Item: ComponentType<FieldProps>
  onChange(entries: readonly Entry[]): void
}

function Entries({ entries, value, pointer, mayAdd, onChange, Item }: EntriesProps) {
  const { faults } = useForm()
  const rows = entries.map((entry, at) => ({ ...entry, at }))
  return (
    <>
      {rows.map(({ name, draft, at }) => (
        <div className="invoke-entry" key={at}>
          <label className="form-field">
            <span className="form-label">{text.invoke.form.entryName}</span>
            <input
              className="field"
              value={name}
              autoComplete="off"
              spellCheck={false}
              aria-invalid={faults.has(jsonPointer([name], pointer)) || undefined}
              onChange={(event) => onChange(entries.with(at, { name: event.target.value, draft }))}
            />
          </label>
          <Item
            field={value}
            draft={draft}
            name={text.invoke.form.entryValue}
            pointer={jsonPointer([name], pointer)}
            isRequired
            onChange={(next) => onChange(entries.with(at, { name, draft: next }))}
          />
          <Button kind="quiet" icon="bin" isIconOnly onClick={() => onChange(entries.toSpliced(at, 1))}>
            {text.kit.remove(name)}
          </Button>
        </div>
      ))}
      {mayAdd && (
        <div>
          <Button icon="plus" onClick={() => onChange([...entries, { name: '', draft: emptyDraft(value) }])}>
            {text.invoke.form.addEntry}
          </Button>
        </div>
      )}
    </>
  )
}
