/**
 * No secret is compared by `===`, which stops at the first character that differs (FAULTS H8, I9). Reads every
 * source of what serves requests and looks for comparisons of what is named like a secret; those belong into
 * `runtime/src/keys.ts`, which takes as long whatever part was right.
 */
import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..')
const SOURCES = '{protocol,runtime,balancer,worker,cli,client}/src/**/*.ts'

/** Names of what is no secret although it sounds so, with the reason. */
const HARMLESS: readonly { path: string; name: string; why: string }[] = [
  { path: 'runtime/src/file-look.ts', name: 'signature', why: 'size and times of a file that is watched' },
]

/** `key` alone is mostly that of a map. */
const SECRET =
  /(?:secret|token|password|passphrase|signature|digest|(?:auth|api|fleet|lb|worker|admin|read|own|presented|expected|given)_?key)$/i
const NAME = String.raw`[\w$#]+(?:(?:\?\.|!?\.)[\w$#]+|\[\w+\])*`
const COMPARISON = new RegExp(String.raw`(${NAME})\s*[!=]==?\s*([\w$#'"\`.?!\[\]-]+)`, 'g')
const METHOD = new RegExp(
  String.raw`(${NAME})\.(?:startsWith|endsWith|includes|indexOf|localeCompare)\(([\w$#.]*)`,
  'g',
)
/** What may be compared with anything: it says whether there is something, or of what kind. */
const NO_TEXT = /^(?:undefined|null|true|false|-?\d+|''|""|typeof)$/

/** The names of secrets that this text compares. */
function findCompared(text: string): string[] {
  return [COMPARISON, METHOD].flatMap((pattern) =>
    [...text.replace(/typeof\s+[\w$#.?]+/g, 'typeof').matchAll(pattern)].flatMap(
      ([, left = '', right = '']) => {
        if (NO_TEXT.test(left) || NO_TEXT.test(right)) return []
        return [left, right].map(lastName).filter((name) => SECRET.test(name))
      },
    ),
  )
}

function lastName(path: string): string {
  return path.split(/[.?!]+/).at(-1) ?? ''
}

test('what looks like a comparison of secrets is found, and what is none is not', () => {
  const found = {
    'if (given === this.#authKey) return': ['#authKey'],
    'return options.secret !== secret': ['secret', 'secret'],
    'headers.authorization == fleetKey': ['fleetKey'],
    'token.startsWith(prefix)': ['token'],
    "signature === 'v1'": ['signature'],
    'known.includes(presentedKey)': ['presentedKey'],
  }
  for (const [text, names] of Object.entries(found)) assert.deepEqual(findCompared(text), names, text)
  const harmless = [
    'if (token === undefined) return',
    'secret.length === 0',
    "password !== ''",
    'entry.key === key',
    'sameKey(given, authKey)',
    'typeof secret === "string"',
  ]
  for (const text of harmless) assert.deepEqual(findCompared(text), [], text)
})

test('no source compares a secret by its characters', async () => {
  const paths = await Array.fromAsync(glob(SOURCES, { cwd: ROOT }))
  const sources = paths.filter((path) => !path.endsWith('.test.ts') && !path.includes('node_modules'))
  assert.ok(sources.length > 200, `only ${sources.length} sources were read`)
  const wrong: string[] = []
  const met = new Set<unknown>()
  for (const path of sources.sort()) {
    const names = findCompared(withoutComments(await readFile(join(ROOT, path), 'utf8')))
    for (const name of names) {
      const harmless = HARMLESS.find((it) => it.path === path && it.name === name)
      if (harmless) met.add(harmless)
      else wrong.push(`${path}: ${name}`)
    }
  }
  assert.deepEqual(wrong, [], 'compare these with sameKey or createKeyCheck of @berth/runtime')
  assert.equal(met.size, HARMLESS.length, 'an exception is not needed any more')
})

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}
