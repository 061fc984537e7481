/** What a part of the scenario `dashboard` is, and how it says what it found. */
import type { Browser } from 'playwright-core'
import { compare, type Finding, type Settings } from '../scenario.ts'
import type { Site } from './site.ts'

export type Part = (site: Site, browser: Browser, settings: Settings) => Promise<Finding[]>

/** The word that means the lines of everybody. */
export const EVERYTHING = 'logs?'

export function against(what: string, ours: number, goal: string, limit: number): Finding {
  return compare(what, [ours], `the goal of ${goal}`, [limit], { max: 1 })
}
