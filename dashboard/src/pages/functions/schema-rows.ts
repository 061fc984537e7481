/** A schema as lines for a reader: where, what kind, whether it must be there, and what it is for. Pure. */
import { formatCount } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type Field, isObject } from '../invoke/form/field.ts'
import { readSchema } from '../invoke/form/read-schema.ts'

export interface SchemaRow {
  readonly path: string
  readonly depth: number
  readonly name: string
  readonly kind: string
  readonly isRequired: boolean
  readonly field: Field
}

const MAX_ROWS = 200

/** What stands below the whole; empty for a schema that says nothing. */
export function schemaRows(schema: Record<string, unknown> | null): readonly SchemaRow[] {
  if (schema === null || !isObject(schema)) return []
  const rows: SchemaRow[] = []
  addBelow(readSchema(schema), '', 0, rows)
  return rows
}

function addBelow(field: Field, path: string, depth: number, rows: SchemaRow[]): void {
  if (rows.length >= MAX_ROWS) return
  switch (field.kind) {
    case 'group':
      for (const { name, field: member, isRequired } of field.members)
        add(member, name, `${path}/${name}`, depth, isRequired, rows)
      return
    case 'list':
      // Lines of a list's own items: what it holds stands in its kind.
      return addBelow(field.item, `${path}/0`, depth, rows)
    case 'record':
      return addBelow(field.value, `${path}/*`, depth, rows)
    case 'union':
      for (const { label, field: variant } of field.variants)
        if (variant.kind === 'group') add(variant, label, `${path}/${label}`, depth, false, rows)
      return
    default:
  }
}

function add(
  field: Field,
  name: string,
  path: string,
  depth: number,
  isRequired: boolean,
  rows: SchemaRow[],
): void {
  if (rows.length >= MAX_ROWS) return
  rows.push({ path, depth, name, kind: kindOf(field), isRequired, field })
  addBelow(field, path, depth + 1, rows)
}

export function kindOf(field: Field): string {
  const words = text.functions.kindsOf
  const kind = plainKind(field)
  return field.isNullable ? words.orNull(kind) : kind
}

function plainKind(field: Field): string {
  const words = text.functions.kindsOf
  switch (field.kind) {
    case 'number':
      return field.isInteger ? words.integer : words.number
    case 'choice':
      return field.options
        .map(({ label }) => label)
        .slice(0, 12)
        .join(' | ')
    case 'constant':
      return JSON.stringify(field.value)
    case 'list':
      return words.list(kindOf(field.item))
    case 'tuple':
      return words.tuple(formatCount(field.items.length))
    case 'record':
      return words.record(kindOf(field.value))
    case 'union':
      return field.variants.map(({ label }) => label).join(' | ')
    default:
      return words[field.kind]
  }
}
