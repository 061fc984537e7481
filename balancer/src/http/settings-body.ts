/**
 * What an operator may set for a group or a function, as the body of a PATCH says it: checks it and points
 * at what is wrong. Pure but for the reading; called by settings-routes.ts.
 * A member that is left out stays as it is, null takes it back. `rate` and `paused` are replaced whole,
 * `fairness` key by key. Invariant: what no version of today carries out is refused, never kept in silence.
 */
import { MAX_DURATION_MS } from '@berth/protocol'
import { z } from 'zod'
import { type BodyRead, readJsonBody } from './body.ts'
import { reasonText } from './reason.ts'
import { wrongField } from './wrong-field.ts'

/** A thousand keys with pauses and reasons fit. */
const BODY_BYTES = 2 * 1024 * 1024
/** Fairness keys of a group, those of its functions included. */
export const MAX_KEYS = 1_000
const MAX_KEY_LENGTH = 128
const MAX_TASKS = 1_000_000
const MAX_CONTRACT = 0xffff_ffff
const MAX_WEIGHT = 1_000

const concurrency = whole(1, MAX_TASKS).nullable().optional()
const paused = z
  .strictObject({
    until: z.iso
      .datetime({ offset: true, error: 'must be an ISO 8601 instant with a zone' })
      .nullable()
      .optional(),
    reason: reasonText(1024).min(1).nullable().optional(),
  })
  .nullable()
  .optional()
const weightError = `must be a number from ${1 / MAX_WEIGHT} to ${MAX_WEIGHT}`
const shareSchema = z
  .strictObject({
    weight: z
      .number(weightError)
      .min(1 / MAX_WEIGHT, weightError)
      .max(MAX_WEIGHT, weightError)
      .nullable()
      .optional(),
    concurrency,
    paused,
  })
  .nullable()

type SharePatch = z.infer<typeof shareSchema>

/** Read by hand: any text may be a key, and zod drops a key `__proto__` without a word. */
const fairnessSchema = z
  .custom<Record<string, unknown>>(isObject, 'must be an object of fairness keys')
  .transform((given, context) => {
    const entries = Object.entries(given)
    const shares: { readonly key: string; readonly share: SharePatch }[] = []
    if (entries.length > MAX_KEYS)
      context.addIssue({ code: 'custom', message: `must have at most ${MAX_KEYS} keys` })
    else for (const [key, value] of entries) readShare(key, value, shares, context)
    return shares
  })
  .nullable()
  .optional()

const settingsSchema = z.strictObject({
  concurrency,
  rate: z
    .strictObject({ limit: whole(1, MAX_TASKS), perMs: whole(1, MAX_DURATION_MS) })
    .nullable()
    .optional(),
  paused,
  defaultContract: whole(1, MAX_CONTRACT).nullable().optional(),
  fairness: fairnessSchema,
  background: z.boolean('must be true or false').nullable().optional(),
  keepWarm: z.boolean('must be true or false').nullable().optional(),
})

export type SettingsPatch = z.infer<typeof settingsSchema>
export type PausePatch = NonNullable<SettingsPatch['paused']>

/** The body of a PATCH; instants in it lie after `nowMs`, and a pause that says no reason has `reason`. */
export async function readSettings(
  request: Request,
  nowMs: number,
  reason: string | null,
): Promise<BodyRead<SettingsPatch>> {
  const read = await readJsonBody(request, settingsSchema, BODY_BYTES)
  if (!read.ok) return read
  for (const [pointer, pause] of pausesOf(read.value))
    if (pause?.until && !(Date.parse(pause.until) > nowMs))
      return wrongField(`${pointer}/until`, 'lies in the past')
  for (const [, pause] of pausesOf(read.value))
    if (pause?.reason === undefined && pause) pause.reason = reason
  return read
}

function* pausesOf({
  paused: own,
  fairness,
}: SettingsPatch): Iterable<[string, PausePatch | null | undefined]> {
  yield ['/paused', own]
  for (const { key, share } of fairness ?? [])
    yield [`/fairness/${key.replaceAll('~', '~0').replaceAll('/', '~1')}/paused`, share?.paused]
}

function readShare(
  key: string,
  value: unknown,
  shares: { readonly key: string; readonly share: SharePatch }[],
  context: z.RefinementCtx,
): void {
  if (key.length === 0 || key.length > MAX_KEY_LENGTH)
    context.addIssue({ code: 'custom', path: [key], message: `must have 1 to ${MAX_KEY_LENGTH} characters` })
  const parsed = shareSchema.safeParse(value)
  if (parsed.success) shares.push({ key, share: parsed.data })
  else
    for (const issue of parsed.error.issues)
      context.issues.push({ ...issue, path: [key, ...issue.path], input: value } as z.core.$ZodRawIssue)
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function whole(min: number, max: number): z.ZodInt {
  const error = `must be a whole number from ${min} to ${max}`
  return z.int(error).min(min, error).max(max, error)
}
