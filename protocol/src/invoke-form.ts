/**
 * A page of functions as it is saved and put into a link: which functions, what stands in their forms, and how one's
 * output goes into another's input. Written by the dashboard, kept by the balancer, opened by a colleague.
 * Invariant: the shape has no room for anything that runs; texts are shown as text.
 */
import { z } from 'zod'
import { MAX_DURATION_MS } from './limits.ts'
import { MODES } from './link/records.ts'
import { nameSchema } from './names.ts'
import { selectorSchema } from './selector.ts'
import { prioritySchema } from './task-body.ts'

export const FORM_CELLS = 12
export const FORM_LINKS = 24
/** Of one form, as JSON. */
export const FORM_BYTES = 64 * 1024

const cellId = z.string().regex(/^[a-z][a-z0-9]{0,7}$/, 'must be a letter and up to seven letters or digits')
const pointer = z
  .string()
  .max(512)
  .regex(/^(?:\/(?:[^~]|~[01])*)?$/, 'must be a JSON pointer such as /text')

const linkSchema = z.strictObject({
  /** In the input of this cell. */
  to: pointer,
  from: cellId,
  /** In the output of `from`; '' is the whole. */
  pointer,
})

const cellSchema = z.strictObject({
  id: cellId,
  /** Null: the function's name. */
  title: z.string().max(200).nullable().default(null),
  group: nameSchema.default('default'),
  function: nameSchema,
  contract: z.int().min(1).max(0xffff_ffff).nullable().default(null),
  /** What stands in the form; a link goes over it. */
  input: z.record(z.string(), z.unknown()).default({}),
  /** Called again by itself when its input changes. */
  isAuto: z.boolean().default(false),
  links: z.array(linkSchema).max(FORM_LINKS).default([]),
  mode: z.enum(MODES).default('sync'),
  priority: prioritySchema.nullable().default(null),
  tags: selectorSchema.nullable().default(null),
  timeout: z.int().min(1).max(MAX_DURATION_MS).nullable().default(null),
  session: nameSchema.nullable().default(null),
  webhook: z.string().max(2048).nullable().default(null),
  /** How the output is shown first. */
  show: z.enum(['auto', 'json', 'table', 'picture', 'text']).default('auto'),
  /** Works in the background of the view for colleagues. */
  isHidden: z.boolean().default(false),
})

export const invokeFormSchema = z.strictObject({
  title: z.string().max(200).default(''),
  lead: z.string().max(2000).default(''),
  cells: z.array(cellSchema).min(1).max(FORM_CELLS),
})

export type FormCell = z.infer<typeof cellSchema>
export type FormLink = z.infer<typeof linkSchema>
export type InvokeForm = z.infer<typeof invokeFormSchema>

/** As `GET /forms` lists it. */
export interface FormListItem {
  readonly name: string
  readonly title: string
  readonly functions: readonly { readonly group: string; readonly function: string }[]
  /** Stands in the `ETag`; another after every change. */
  readonly revision: string
  readonly createdAt: string
  readonly updatedAt: string
  /** Who changed it last, as the log names them. */
  readonly updatedBy: string
}

export interface FormView extends FormListItem {
  readonly form: InvokeForm
}
