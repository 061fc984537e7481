/** The filter of the Logs page in its address: `?source=&worker=&tag=&level=&text=&regex=&task=`. Pure. */
import { LOG_LEVELS, LOG_SOURCES, type LogQuery } from '@berth/protocol'
import { z } from 'zod'

export const logAddressSchema = z.object({
  source: z.enum(LOG_SOURCES).default('*'),
  worker: z.string().max(256).default(''),
  tag: z.string().max(256).default(''),
  level: z.enum(LOG_LEVELS).default('debug'),
  text: z.string().max(256).default(''),
  regex: z.string().max(256).default(''),
  task: z.string().max(64).default(''),
})

export type LogAddress = z.infer<typeof logAddressSchema>

/** Workers and tags may stand several in one field, with commas between them. */
export function queryOf(address: LogAddress, group: string | null): LogQuery {
  const { source, level } = address
  const texts = {
    text: address.text.trim(),
    regex: address.regex,
    task: address.task.trim(),
    group: group ?? '',
  }
  const given = Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== ''))
  return { source, level, workers: listOf(address.worker), tags: listOf(address.tag), ...given }
}

function listOf(words: string): string[] {
  return [...new Set(words.split(',').map((word) => word.trim()))].filter((word) => word !== '').slice(0, 16)
}

/** Whether anything is left out. */
export function isNarrowed({ source, worker, tag, level, text, regex, task }: LogAddress): boolean {
  return source !== '*' || level !== 'debug' || [worker, tag, text, regex, task].some((word) => word !== '')
}
