/**
 * `npx -y pnpm@12 faults`: the heavy forms of the catalogue of faults, one file after the other. Ends by itself,
 * after about half an hour; words narrow it to files whose names hold one of them (`faults cuts`).
 * What this machine cannot do is named as skipped, with the reason. Exit code 1 when anything failed.
 */
import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { runNodeTests } from '../runner/node-tests.ts'
import { formatTotals } from '../runner/totals.ts'

const FILE_LIMIT_MS = 45 * 60_000

const root = join(import.meta.dirname, '../..')
const words = process.argv.slice(2).filter((word) => word !== '--')
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const found = await Array.fromAsync(glob('test/fault/nightly/*.nightly.ts', { cwd: root }))
const files = found.filter((file) => words.length === 0 || words.some((word) => file.includes(word))).sort()
say(
  'skipped: one-way cuts between network namespaces (B1-B5), names that change (B15, B16), 10,000 links (B20):',
)
say('         not built; the proxy forms of B1-B4 are in `pnpm test fault`, B5 is in the simulation')
if (files.length === 0) say(`no file of test/fault/nightly is called ${words.join(' or ')}`)
const totals = await runNodeTests({ root, files, fileLimitMs: FILE_LIMIT_MS, isSerial: true, say })
say(formatTotals(totals))
process.exitCode = totals.failed > 0 || files.length === 0 ? 1 : 0
