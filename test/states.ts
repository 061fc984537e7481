/**
 * The pictures of docs/states.md, made from the tables that the code is held against:
 *
 *   node test/states.ts          says whether the file is what it should be
 *   node test/states.ts --write  puts the pictures in, between their marks
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ATTEMPT_EDGES, type Edges, PHASE_EDGES, STATUS_OF_PHASE } from '../balancer/src/core/states.ts'
import { isFinal, RUN_EDGES, RUN_STATUSES } from '../protocol/src/index.ts'
import { findWorkerSteps, WORKER_ROWS } from './states/worker-states.ts'

export const STATES_FILE = join(import.meta.dirname, '../docs/states.md')

/** The generated parts, by the name of their mark. */
export function drawStates(): ReadonlyMap<string, string> {
  return new Map([
    ['runs', drawRuns()],
    ['tasks', `${drawEdges(PHASE_EDGES)}\n\n${drawStatuses()}`],
    ['attempts', drawEdges(ATTEMPT_EDGES)],
    ['workers', drawWorkers()],
  ])
}

/** The file's text with every part put in; throws when a mark is missing. */
export function putIn(text: string, parts = drawStates()): string {
  let whole = text
  for (const [name, part] of parts) {
    const [begin, end] = [`<!-- ${name}: made by test/states.ts -->\n`, `<!-- end of ${name} -->`]
    const from = whole.indexOf(begin)
    const to = whole.indexOf(end)
    if (from < 0 || to < from) throw new Error(`docs/states.md has no marks for "${name}"`)
    whole = `${whole.slice(0, from + begin.length)}\n${part}\n\n${whole.slice(to)}`
  }
  return whole
}

function drawRuns(): string {
  const lines = ['[*] --> scheduled', '[*] --> queued']
  for (const from of RUN_STATUSES) {
    for (const to of RUN_EDGES[from]) lines.push(`${from} --> ${to}`)
    if (isFinal(from)) lines.push(`${from} --> [*]`)
  }
  return mermaid(lines)
}

function drawEdges<State extends string>(edges: Edges<State>): string {
  const lines: string[] = []
  for (const [from, ways] of Object.entries<Readonly<Partial<Record<State, string>>>>(edges))
    for (const [to, why] of Object.entries<string | undefined>(ways)) lines.push(`${from} --> ${to}: ${why}`)
  return mermaid(lines)
}

function drawStatuses(): string {
  const rows = Object.entries(STATUS_OF_PHASE).map(([phase, status]) => `| \`${phase}\` | \`${status}\` |`)
  return ['| Phase | The run shows |', '|---|---|', ...rows].join('\n')
}

function drawWorkers(): string {
  const rows = WORKER_ROWS.map(
    ({ status, when, takesTasks }, index) =>
      `| ${index + 1} | \`${status}\` | ${when} | ${takesTasks ? 'yes' : 'no'} |`,
  )
  const table = ['| | Status | When | Takes tasks |', '|---|---|---|---|', ...rows].join('\n')
  return [drawVerdict(), table, listMissingWays()].join('\n\n')
}

/** The questions as they are asked, one after the other. */
function drawVerdict(): string {
  const lines = WORKER_ROWS.flatMap(({ status, when }, index) => {
    if (index === WORKER_ROWS.length - 1) return [`    q${index}([${status}])`]
    const answer = `a${index}([${status}])`
    return [`    q${index}{"${when}?"} -- yes --> ${answer}`, `    q${index} -- no --> q${index + 1}`]
  })
  return ['```mermaid', 'flowchart TD', ...lines, '```'].join('\n')
}

/** Nearly every state may follow every other, so what cannot is shorter to say. */
function listMissingWays(): string {
  const steps = findWorkerSteps()
  const missing: string[] = []
  for (const [from, ways] of steps)
    for (const to of steps.keys()) if (to !== from && !ways.has(to)) missing.push(`\`${from}\` to \`${to}\``)
  return `One change leads from each status to every other, but not ${missing.join(', nor ')}.`
}

function mermaid(lines: readonly string[]): string {
  return ['```mermaid', 'stateDiagram-v2', ...lines.map((line) => `    ${line}`), '```'].join('\n')
}

if (import.meta.main) {
  const text = await readFile(STATES_FILE, 'utf8')
  const whole = putIn(text)
  if (process.argv.includes('--write')) await writeFile(STATES_FILE, whole)
  else if (whole !== text) {
    process.stderr.write('docs/states.md differs from the code: run node test/states.ts --write\n')
    process.exitCode = 1
  }
}
