/**
 * Draws one field of a form and what is below it. Values go up as new drafts; nothing is kept here. Called by
 * input-pane.tsx and by itself. A field whose value comes from another function shows that instead of an input.
 */
import type { ReactNode } from 'react'
import { Button } from '../../../kit/button.tsx'
import { Field as Labelled } from '../../../kit/field.tsx'
import { Select } from '../../../kit/select.tsx'
import { visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import { ABSENT, type Draft, draftOf, NULL, presentDraft } from '../form/draft.ts'
import type { Field } from '../form/field.ts'
import { GroupView, ListView, RecordView, TupleView } from './compound-views.tsx'
import { hintOf } from './field-hint.ts'
import type { FieldProps } from './field-props.ts'
import { useForm } from './form-context.ts'
import { ConstantInput, FlagInput, JsonInput, NumberInput, TextInput } from './inputs.tsx'

const SIMPLE: ReadonlySet<Field['kind']> = new Set(['text', 'number', 'flag', 'choice', 'constant', 'json'])

export function FieldView(props: FieldProps) {
  const { field, draft, name, pointer, isRequired, onChange } = props
  const { faults, linked, linkControl, isPlain } = useForm()
  const label = visible(field.title ?? name)
  const source = linked(pointer)
  const errors = faults.get(pointer)
  const actions = !isPlain && <FieldActions {...props} link={linkControl(pointer, label)} />
  if (source !== null)
    return (
      <Framed label={label} actions={actions}>
        {source}
      </Framed>
    )
  if (draft.is === 'json' && field.kind !== 'json') return <Misfit {...props} label={label} errors={errors} />
  if (draft.is === 'null')
    return (
      <Framed label={label} actions={actions}>
        <code>null</code>
      </Framed>
    )
  if (SIMPLE.has(field.kind)) {
    return (
      <div className="invoke-field">
        <Labelled
          label={label}
          isRequired={isRequired && field.kind !== 'constant'}
          hint={hintOf(field)}
          error={errors?.join(' ')}
        >
          {(wired) => <SimpleInput {...props} label={label} wired={wired} />}
        </Labelled>
        {actions}
      </div>
    )
  }
  if (draft.is === 'absent') {
    return (
      <Framed label={label} hint={hintOf(field)} errors={errors} isRequired={isRequired} actions={actions}>
        <Button icon="plus" onClick={() => onChange(presentDraft(field))}>
          {text.invoke.form.addField(label)}
        </Button>
      </Framed>
    )
  }
  return (
    <fieldset className="invoke-group">
      <legend>
        {label}
        {isRequired && <span aria-hidden="true"> *</span>}
      </legend>
      {actions}
      {hintOf(field) !== undefined && <p className="form-hint">{hintOf(field)}</p>}
      <Errors errors={errors} />
      <Compound {...props} />
    </fieldset>
  )
}

interface SimpleProps extends FieldProps {
  readonly label: string
  readonly wired: Parameters<Parameters<typeof Labelled>[0]['children']>[0]
}

function SimpleInput(props: SimpleProps) {
  const { field } = props
  switch (field.kind) {
    case 'number':
      return <NumberInput {...props} />
    case 'flag':
      return <FlagInput {...props} />
    case 'choice':
      return <ChoiceInput {...props} />
    case 'constant':
      return <ConstantInput value={field.value} />
    case 'json':
      return <JsonInput {...props} />
    default:
      return <TextInput {...props} />
  }
}

function ChoiceInput({ field, draft, label, isRequired, onChange, wired }: SimpleProps) {
  if (field.kind !== 'choice') return null
  const at = draft.is === 'choice' ? draft.at : -1
  const none = isRequired ? text.invoke.form.choose : text.invoke.form.leftOut
  return (
    <Select
      id={wired.id}
      label={label}
      value={String(at)}
      onChange={(value) =>
        onChange(value === '-1' && !isRequired ? ABSENT : { is: 'choice', at: Number(value) })
      }
      options={[
        { value: '-1', label: none },
        ...field.options.map((option, index) => ({ value: String(index), label: visible(option.label) })),
      ]}
    />
  )
}

/** What a field of several parts draws. */
export function Compound(props: FieldProps): ReactNode {
  const { field, draft } = props
  if (field.kind === 'group' && draft.is === 'group')
    return <GroupView {...props} field={field} draft={draft} Item={FieldView} />
  if (field.kind === 'list' && draft.is === 'list')
    return <ListView {...props} field={field} draft={draft} Item={FieldView} />
  if (field.kind === 'tuple' && draft.is === 'list')
    return <TupleView {...props} field={field} draft={draft} Item={FieldView} />
  if (field.kind === 'record' && draft.is === 'record')
    return <RecordView {...props} field={field} draft={draft} Item={FieldView} />
  if (field.kind === 'union' && draft.is === 'union')
    return <UnionView {...props} field={field} draft={draft} />
  return null
}

function UnionView({
  field,
  draft,
  name,
  pointer,
  isRequired,
  onChange,
}: FieldProps & { field: Extract<Field, { kind: 'union' }>; draft: Extract<Draft, { is: 'union' }> }) {
  const variant = field.variants[draft.at]
  const choose = (value: string) => {
    const next = field.variants[Number(value)]
    if (next) onChange({ is: 'union', at: Number(value), draft: presentDraft(next.field) })
  }
  return (
    <>
      <Select
        label={text.invoke.form.kindOf(visible(field.title ?? name))}
        value={String(draft.at)}
        onChange={choose}
        options={field.variants.map(({ label }, at) => ({ value: String(at), label: visible(label) }))}
      />
      {variant && (
        <Variant
          field={untold(variant.field)}
          draft={draft.draft}
          name={variant.label}
          pointer={pointer}
          isRequired={isRequired}
          onChange={(inner) => onChange({ ...draft, draft: inner })}
        />
      )}
    </>
  )
}

/** The picker has its name already: an object needs no frame of its own. */
function Variant(props: FieldProps) {
  const isObject = props.field.kind === 'group' && props.draft.is === 'group'
  return isObject ? <Compound {...props} /> : <FieldView {...props} />
}

/** Without the members whose value the picker has chosen; they stay in the draft. */
function untold(field: Field): Field {
  if (field.kind !== 'group') return field
  const members = field.members.filter((member) => !(member.isRequired && member.field.kind === 'constant'))
  return members.length === field.members.length ? field : { ...field, members, isPart: true }
}

/** What does not fit the schema stands there as it is, to be mended or thrown away. */
function Misfit({
  field,
  draft,
  label,
  errors,
  onChange,
}: FieldProps & { label: string; errors?: readonly string[] }) {
  if (draft.is !== 'json') return null
  return (
    <div className="invoke-field">
      <Labelled label={label} hint={text.invoke.form.misfit} error={errors?.join(' ')}>
        {(wired) => <JsonInput draft={draft} wired={wired} isRequired onChange={(next) => onChange(next)} />}
      </Labelled>
      <div className="invoke-field-actions">
        <Button kind="quiet" icon="undo" onClick={() => onChange(asField(field, draft.text))}>
          {text.invoke.form.useForm}
        </Button>
      </div>
    </div>
  )
}

/** As the field reads it now; begun anew where it still does not fit. */
function asField(field: Field, raw: string): Draft {
  try {
    const draft = draftOf(field, JSON.parse(raw))
    return draft.is === 'json' ? presentDraft(field) : draft
  } catch {
    return presentDraft(field)
  }
}

function Framed({
  label,
  hint,
  errors,
  isRequired,
  actions,
  children,
}: {
  label: string
  hint?: string
  errors?: readonly string[]
  isRequired?: boolean
  actions?: ReactNode
  children: ReactNode
}) {
  return (
    <div className="invoke-field">
      <div className="form-field">
        <span className="form-label">
          {label}
          {isRequired && <span aria-hidden="true"> *</span>}
        </span>
        <div>{children}</div>
        {hint !== undefined && <p className="form-hint">{hint}</p>}
        <Errors errors={errors} />
      </div>
      {actions}
    </div>
  )
}

export function Errors({ errors }: { errors?: readonly string[] }) {
  if (!errors || errors.length === 0) return null
  return (
    <p className="form-error" role="alert">
      {errors.join(' ')}
    </p>
  )
}

/** Leave out, null, link. */
function FieldActions({ field, draft, isRequired, onChange, link, name }: FieldProps & { link: ReactNode }) {
  const label = visible(field.title ?? name)
  const mayLeaveOut =
    !isRequired &&
    draft.is !== 'absent' &&
    field.kind !== 'choice' &&
    field.kind !== 'text' &&
    field.kind !== 'number'
  const canBeNull = field.isNullable && draft.is !== 'null'
  const isNull = draft.is === 'null'
  if (!mayLeaveOut && !canBeNull && !isNull && link === null) return null
  return (
    <div className="invoke-field-actions">
      {canBeNull && (
        <Button kind="quiet" onClick={() => onChange(NULL)} aria-label={text.invoke.form.setNull(label)}>
          null
        </Button>
      )}
      {isNull && (
        <Button
          kind="quiet"
          icon="edit"
          isIconOnly
          onClick={() => onChange(isRequired ? presentDraft(field) : ABSENT)}
        >
          {text.invoke.form.enterValue(label)}
        </Button>
      )}
      {mayLeaveOut && (
        <Button kind="quiet" icon="close" isIconOnly onClick={() => onChange(ABSENT)}>
          {text.invoke.form.leaveOut(label)}
        </Button>
      )}
      {link}
    </div>
  )
}
