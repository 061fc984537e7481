/**
 * The dashboard under load: 1,000 workers that push once a second, 500 tasks and 10,000 log lines a second; one tab
 * of a real Chromium and four more clients of the feed. Measures what DASHBOARD's targets name, each against its
 * number. The tab shares the machine with all of it, so figures in milliseconds are of a machine that is full.
 */
import { PARTS } from '../dashboard/parts.ts'
import { LINES_PER_SECOND, openSite, TASKS_PER_SECOND, WORKERS } from '../dashboard/site.ts'
import { findBrowser, launch } from '../dashboard/tab.ts'
import type { Finding, Scenario } from '../scenario.ts'

export const dashboard: Scenario = {
  name: 'dashboard',
  about: `one tab and four clients: ${WORKERS} workers, ${TASKS_PER_SECOND} tasks/s, ${LINES_PER_SECOND} lines/s`,
  isQuick: false,
  parts: Object.keys(PARTS),
  defaults: { rounds: 7, runS: 8 },
  async run(stage, settings) {
    const path = await findBrowser()
    if (path === undefined || process.platform !== 'linux')
      return { findings: [], notes: ['no Chromium was found, or no accounts of processor time'] }
    const site = await openSite(stage)
    const browser = await launch(path)
    const findings: Finding[] = []
    const notes = [...NOTES]
    try {
      for (const [name, part] of Object.entries(PARTS)) {
        if (settings.parts.length > 0 && !settings.parts.includes(name)) continue
        process.stdout.write(`  ${name}\n`)
        try {
          for (const finding of await part(site, browser, settings)) {
            findings.push(finding)
            process.stdout.write(`  ${finding.what}: ${Number(finding.ours.toPrecision(4))}\n`)
          }
        } catch (error) {
          // One that cannot be measured does not take the others with it.
          notes.push(`${name} failed: ${error instanceof Error ? error.message : String(error)}`)
        }
      }
    } finally {
      await browser.close()
    }
    return { findings, notes }
  },
}

const NOTES = [
  'the fleet, the balancer, the tasks, the clients and the browser shared the processors of this machine',
  'heap: 20 minutes of frames (four a second, recorded here) behind a quarter of an hour of them, played as fast as the page takes them, garbage collected',
  'INP: the slowest of the interactions, as Event Timing tells them; frame rate is reported, not judged',
  'routing: time of a task beyond its attempt, by turns with and without the five, median of the pairs; one process answers the tasks, another writes the lines, and where pages follow them they are sent in both halves',
]
