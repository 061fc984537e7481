/**
 * Who looks at this page and what they may do. A viewer sees everything and changes nothing: controls stay
 * in view, disabled, with the reason. The balancer enforces it; this only spares a refusal.
 */

import { useGet } from '../api/query.ts'
import { useFeedPart } from '../feed/use-feed.tsx'
import { text } from '../text/text.ts'

export type Role = 'operator' | 'viewer'

export interface Me {
  readonly name: string
  readonly role: Role
  readonly session: { readonly createdAt: string; readonly expiresAt: string } | null
  readonly environment: string | null
  readonly version: string | null
}

/** A balancer that does not tell a role gives every right, as balancers without roles do. */
const unknownMe: Me = { name: 'operator', role: 'operator', session: null, environment: null, version: null }

export function useMe(): Me {
  const { data } = useGet<Partial<Me>>({ key: ['me'], path: '/me' })
  return { ...unknownMe, ...withoutUndefined(data), role: data?.role === 'viewer' ? 'viewer' : 'operator' }
}

function withoutUndefined(data: Partial<Me> | undefined): Partial<Me> {
  return Object.fromEntries(Object.entries(data ?? {}).filter(([, value]) => value !== undefined))
}

/** Whether this page may change something now, and if not, why. */
export function useMayOperate(): { readonly may: boolean; readonly why?: string } {
  const { role } = useMe()
  const phase = useFeedPart(({ link }) => link.phase)
  if (role === 'viewer') return { may: false, why: text.session.viewerOnly }
  if (phase !== 'live') return { may: false, why: text.shell.connection.actionsOff }
  return { may: true }
}
