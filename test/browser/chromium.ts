/**
 * Finds a Chromium that really starts, for every browser test.
 *
 * Order: CHROMIUM_PATH, the usual places of a system browser, then the one inside the npm package
 * `@sparticuz/chromium`, which needs no apt: its archive also carries the shared libraries (nss, nspr,
 * expat) that a bare Debian lacks, so they are unpacked beside it and named in the environment.
 * The invariant: what is returned has answered `--version`; a stub that only says "install me" is passed over.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SYSTEM_PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const START_LIMIT_MS = 60_000
const UNPACK_LIMIT_MS = 120_000

/** What `chromium.launch` of playwright-core takes as it is. */
export type Browser = {
  executablePath: string
  args: string[]
  env: Record<string, string>
}

export type Search = {
  /** The environment to read CHROMIUM_PATH from and to hand to the browser; default: this process's. */
  env?: Readonly<Record<string, string | undefined>>
  /** System browsers to try, in order; tests give an empty list to reach the packaged one. */
  systemPaths?: readonly string[]
}

/**
 * The first Chromium that answers. Throws with every place that was tried when none does; a CHROMIUM_PATH
 * that does not start is an error at once, because somebody asked for exactly that one.
 */
export async function findChromium(search: Search = {}): Promise<Browser> {
  const env = definedOnly(search.env ?? process.env)
  // The pages under test are our own and on loopback; the sandbox needs rights that root and many
  // containers do not have, and /dev/shm is 64 MB in most of them.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
  const chosen = env.CHROMIUM_PATH
  if (chosen) {
    const fault = await startFault(chosen, env)
    if (fault) throw new Error(`CHROMIUM_PATH=${chosen} does not start: ${fault}. Correct it or unset it.`)
    return { executablePath: chosen, args, env }
  }
  const tried: string[] = []
  for (const path of search.systemPaths ?? SYSTEM_PATHS) {
    const fault = await startFault(path, env)
    if (!fault) return { executablePath: path, args, env }
    tried.push(`${path}: ${fault}`)
  }
  const packaged = await unpackChromium(env)
  const fault = await startFault(packaged.executablePath, packaged.env)
  if (!fault) return { ...packaged, args }
  tried.push(`@sparticuz/chromium at ${packaged.executablePath}: ${fault}`)
  throw new Error(`no Chromium starts here; set CHROMIUM_PATH to one. Tried:\n  ${tried.join('\n  ')}`)
}

/** Unpacks the npm package's browser once per version; the rename at the end makes half an unpacking invisible. */
async function unpackChromium(env: Record<string, string>): Promise<Omit<Browser, 'args'>> {
  const cache = join(import.meta.dirname, '..', 'node_modules', '.cache')
  const home = join(cache, `chromium-${await packagedVersion()}`)
  if (!(await isPresent(join(home, 'chromium')))) {
    await mkdir(cache, { recursive: true })
    const staging = await mkdtemp(join(cache, 'chromium-unpacking-'))
    try {
      await runUnpacker(staging, env)
      await rename(staging, home)
    } catch (error) {
      await rm(staging, { recursive: true, force: true })
      // Another test file may have finished the same work first: its rename won, and its files are as good.
      if (!(await isPresent(join(home, 'chromium')))) throw error
    }
  }
  const libraries = [join(home, 'al2023', 'lib'), env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  return {
    executablePath: join(home, 'chromium'),
    env: { ...env, LD_LIBRARY_PATH: libraries, FONTCONFIG_PATH: join(home, 'fonts') },
  }
}

/** In a process of its own, because the package unpacks into whatever TMPDIR says. */
async function runUnpacker(folder: string, env: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'unpack-chromium.ts')], {
    env: { ...env, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: UNPACK_LIMIT_MS,
  })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2_000)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`unpacking @sparticuz/chromium into ${folder} failed: ${complaint.trim()}`)
}

/** undefined when `<path> --version` answers; otherwise what is wrong, in a few words. */
function startFault(path: string, env: Record<string, string>): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(path, ['--version'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: START_LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    let said = ''
    const collect = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-500)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ENOENT' ? 'not there' : error.message)
    })
    child.on('close', (code, signal) => {
      const answered = code === 0 && /chrom/i.test(said)
      resolve(answered ? undefined : `exit ${code ?? signal}, said ${JSON.stringify(said.trim())}`)
    })
  })
}

async function packagedVersion(): Promise<string> {
  const entry = fileURLToPath(import.meta.resolve('@sparticuz/chromium'))
  const text = await readFile(join(dirname(entry), '..', 'package.json'), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  return version
}

async function isPresent(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(entries)
}
