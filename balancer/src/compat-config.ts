/**
 * The balancer's settings for the APIs of other systems (CONTRACT §2, "Other APIs"): their fields for `config.ts`, and
 * what compose makes of them. Invariant: an API that is not named is not there at all.
 */
import { isName } from '@berth/protocol'
import { list, text } from '@berth/runtime'
import { z } from 'zod'

export const COMPAT_APIS = ['worklets', 'workers'] as const
export type CompatApi = (typeof COMPAT_APIS)[number]

/** Of which an empty value says something: none. */
export const COMPAT_MAY_BE_EMPTY = ['COMPAT']

export const compatFields = {
  COMPAT: list({ default: COMPAT_APIS }).pipe(
    z.array(z.enum(COMPAT_APIS, `must be some of ${COMPAT_APIS.join(',')}, or empty for none`)),
  ),
  AGENT_FUNCTION: text({ maxLength: 128, default: 'agent' }).refine(
    isName,
    'must be the name of a function of the group "default"',
  ),
}

export interface CompatConfig {
  readonly apis: ReadonlySet<CompatApi>
  readonly agentFunction: string
}

export function toCompatConfig(variables: {
  readonly COMPAT: readonly CompatApi[]
  readonly AGENT_FUNCTION: string
}): CompatConfig {
  return Object.freeze({ apis: new Set(variables.COMPAT), agentFunction: variables.AGENT_FUNCTION })
}
