/**
 * Tags: what a worker says about itself (text, finite number, boolean, or a list of text). Keys are
 * names; `__proto__` and its like are no names, and readers use Maps or own-key checks all the same.
 */
import { z } from 'zod'
import { LIMITS } from './limits.ts'
import { nameRecordSchema } from './names.ts'

export const tagValueSchema = z.union(
  [
    z.string().max(LIMITS.tagText),
    z.number(),
    z.boolean(),
    z.array(z.string().max(LIMITS.tagText)).max(LIMITS.tagList),
  ],
  `must be a text of at most ${LIMITS.tagText} characters, a finite number, true, false, or a list of at most ${LIMITS.tagList} such texts`,
)

export const tagsSchema = nameRecordSchema(tagValueSchema).refine(
  (tags) => Object.keys(tags).length <= LIMITS.tags,
  `at most ${LIMITS.tags} tags`,
)

export type TagValue = z.infer<typeof tagValueSchema>
export type Tags = z.infer<typeof tagsSchema>
