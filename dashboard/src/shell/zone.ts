/** Whether instants are drawn in this browser's zone or in UTC; the choice survives a reload. */
import { usePreference } from '../kit/preference.ts'

export const ZONES = ['local', 'utc'] as const
export type Zone = (typeof ZONES)[number]

export function useZone(): [Zone, (zone: Zone) => void] {
  return usePreference<Zone>('zone', ZONES, 'local')
}
