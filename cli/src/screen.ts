/**
 * Owns the words that `start` shows when all is up. Pure: facts in, text out.
 * Invariant: no key is shown; screens are shared and their output is kept in logs.
 */
import type { Example } from './example.ts'

export type ScreenFacts = {
  address: string
  /** Undefined when the balancer gave none; a key then opens the dashboard. */
  token?: string
  isDashboardEnabled: boolean
  workerPorts: readonly number[]
  /** Holds the headers of the example request, so that the key itself is not shown. */
  headerFile: string
  /** What the example calls; undefined when the fleet has no function that works as it is. */
  example?: Example
  /** Where the keys come from, for a person. */
  keySource: string
  workersFile: string
  /** Where functions of its own go; undefined when no worker runs here. */
  functionsFolder: string | undefined
}

/** The dashboard's address that signs in once. The token stands after `#`, which no server gets to see. */
export function formatSignInAddress(address: string, token: string): string {
  return `${address}/dashboard#token=${token}`
}

export function formatScreen(facts: ScreenFacts): string {
  const rows: [string, string][] = []
  if (facts.isDashboardEnabled) rows.push(...describeDashboard(facts))
  if (facts.example !== undefined) rows.push(['Try it', formatCurl(facts, facts.example)])
  rows.push(
    ['Keys', facts.keySource],
    ['Workers', `${facts.workersFile} (edit it while this runs)`],
    ['Stop', 'Ctrl-C here, or `npx -y pnpm@12 berth down` in this folder'],
    [
      'Next',
      `put a function of your own into ${facts.functionsFolder ?? 'the folder of a worker'}, see README.md`,
    ],
  )
  const lines = rows.map(([label, text]) => `  ${label.padEnd(10)} ${text}`)
  return [
    '',
    `  Berth is running at ${facts.address} with ${describeWorkers(facts.workerPorts)}.`,
    '',
    ...lines,
    '',
  ].join('\n')
}

function describeDashboard({ address, token }: ScreenFacts): [string, string][] {
  if (token === undefined) return [['Dashboard', `${address}/dashboard (sign in with the key)`]]
  return [
    ['Dashboard', formatSignInAddress(address, token)],
    ['', 'good once and for 15 minutes; `npx -y pnpm@12 berth token` prints a new one'],
  ]
}

function describeWorkers(ports: readonly number[]): string {
  if (ports.length === 0) return 'no worker of its own'
  return ports.length === 1
    ? `a worker on port ${ports[0]}`
    : `${ports.length} workers on ports ${ports.join(', ')}`
}

function formatCurl(
  { address, headerFile }: ScreenFacts,
  example: NonNullable<ScreenFacts['example']>,
): string {
  const { function: name, group, input } = example
  const body = JSON.stringify({ function: name, ...(group === 'default' ? {} : { group }), input })
  return `curl -s ${address}/task -H ${quoteForShell(`@${headerFile}`)} -d ${quoteForShell(body)}`
}

/** One word for a POSIX shell, whatever it holds. */
export function quoteForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
