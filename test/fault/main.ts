/**
 * `npx -y pnpm@12 faults`: the heavy forms of the catalogue of faults, one file after the other. Ends by itself,
 * after about an hour; words narrow it to files whose names hold one of them (`faults cuts`). A file that is
 * called `*.named.*` runs only when a word names it.
 * What this machine cannot do is named and counted as skipped, with the reason. Exit code 1 when anything failed.
 */
import { glob } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { runNodeTests } from '../runner/node-tests.ts'
import { addTotals, emptyTotals, formatTotals } from '../runner/totals.ts'
import { UNSHARE, whyNoNetspace } from './netspace.ts'

const FILE_LIMIT_MS = 45 * 60_000

const root = join(import.meta.dirname, '../..')
const words = process.argv.slice(2).filter((word) => word !== '--')
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const found = await Array.fromAsync(glob('test/fault/nightly/*.{nightly,netns}.ts', { cwd: root }))
const files = found.filter(isWanted).sort()
const inNamespaces = files.filter((file) => file.endsWith('.netns.ts'))
const here = files.filter((file) => !inNamespaces.includes(file))

if (files.length === 0) say(`no file of test/fault/nightly is called ${words.join(' or ')}`)
const terms = { root, fileLimitMs: FILE_LIMIT_MS, isSerial: true, say }
let totals = await runNodeTests({ ...terms, files: here })
if (inNamespaces.length > 0) {
  const reason = whyNoNetspace()
  if (reason === undefined)
    totals = addTotals(totals, await runNodeTests({ ...terms, files: inNamespaces, within: UNSHARE }))
  else totals = addTotals(totals, skip(inNamespaces, reason))
}
say(formatTotals(totals))
process.exitCode = totals.failed > 0 || files.length === 0 ? 1 : 0

function isWanted(file: string): boolean {
  if (words.length === 0) return !file.includes('.named.')
  return words.some((word) => basename(file).includes(word))
}

/** Each file counts as one. */
function skip(names: readonly string[], reason: string): ReturnType<typeof emptyTotals> {
  for (const name of names) say(`skipped: ${name}: no network of our own can be made. ${reason}`)
  say(
    'B1-B4, B6-B8, B11 and B18 have forms that need none, in `pnpm test fault`; B5 is in the simulation too',
  )
  return { ...emptyTotals(), skipped: names.length }
}
