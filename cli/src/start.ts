/**
 * The command `start`: everything for a first look, in one process that stays. Checks what could be in the
 * way, builds the dashboard, makes keys, starts the balancer and the local workers, says where all is, and
 * looks after them until it is told to end.
 * Invariant: however it ends, its children end: drained when it may, killed at the second signal, and by
 * their lifeline when this process is itself killed.
 */
import { isAbsolute, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureFolder, onSignals, writeFileAtomic } from '@berth/runtime'
import { type BalancerClient, createBalancerClient } from './balancer-client.ts'
import type { ChildSpec } from './child.ts'
import { type CliConfig, ensureKeys, formatAddress, type Keys, readCliConfig } from './config.ts'
import { buildDashboard, isBuildCurrent } from './dashboard-build.ts'
import { chooseExample } from './example.ts'
import { Fleet } from './fleet.ts'
import { LOOPBACK } from './local-workers.ts'
import { checkPort } from './port-check.ts'
import { formatScreen, type ScreenFacts } from './screen.ts'
import {
  type Claim,
  claimDataDir,
  headerFilePath,
  listLiveChildren,
  readStartFile,
  removeStartFile,
} from './start-file.ts'
import { reportConfigErrors } from './token.ts'

const UP_LIMIT_MS = 30_000
const WORKERS_LIMIT_MS = 5000
const POLL_MS = 25
/** Exit code of a process that a signal ended at once, as shells count. */
const SIGNAL_EXIT_BASE: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

export type StartContext = { root: string; env: NodeJS.ProcessEnv; print: (line: string) => void }

export async function runStart(context: StartContext): Promise<number> {
  const read = readCliConfig(context.env)
  if (!read.ok) return reportConfigErrors(read.errors, context.print)
  const { config } = read
  const claim = claimOrExplain(config.dataDir)
  if (typeof claim === 'string')
    return reportConfigErrors([{ variable: 'DATA_DIR', message: claim }], context.print)
  if (!claim.ok) {
    context.print(describeRunning(config, claim.pid, claim.startedAt))
    return 1
  }
  try {
    return await runClaimed(context, config)
  } finally {
    removeStartFile(config.dataDir)
    claim.release()
  }
}

/** The claim, or why the folder cannot be used. */
function claimOrExplain(dataDir: string): Claim | string {
  try {
    return claimDataDir(dataDir)
  } catch (error) {
    return `${dataDir} cannot be used (${(error as Error).message}); name a folder that this user can write`
  }
}

/** Everything after the data folder is ours. */
async function runClaimed(context: StartContext, config: CliConfig): Promise<number> {
  const end = new AbortController()
  let fleet: Fleet | undefined
  let exitCode = 0
  // Heard to the very end: a third signal must not end with another code what the second has ended.
  onSignals({
    onFirst() {
      context.print('\nStopping: what runs is finished first. A second Ctrl-C ends at once.')
      end.abort()
    },
    onSecond(signal) {
      exitCode = SIGNAL_EXIT_BASE[signal] ?? 1
      fleet?.kill()
    },
  })
  const prepared = await prepare(context, config, end.signal)
  if (!prepared.ok) return prepared.exitCode
  fleet = new Fleet(prepared.config, {
    root: context.root,
    balancer: describeBalancer(context, prepared.config),
    env: withLogFormat(context.env),
    keys: prepared.keys,
    print: context.print,
  })
  void fleet.start().then((code) => {
    exitCode = code
    end.abort()
  })
  const announced = announce(context, prepared.config, prepared.keys, fleet, end.signal).catch(
    (error: Error) => context.print(`The start could not be announced: ${error.message}`),
  )
  await waitForAbort(end.signal)
  await Promise.all([fleet.stop(), announced])
  return exitCode
}

type Prepared = { ok: true; config: CliConfig; keys: Keys } | { ok: false; exitCode: number }

/** What has to be right before the first process; says what is not. */
async function prepare(context: StartContext, config: CliConfig, signal: AbortSignal): Promise<Prepared> {
  if (!(await waitForLeftovers(context, config, signal)))
    return { ok: false, exitCode: signal.aborted ? 0 : 1 }
  const port = await checkPort(config.host, config.port)
  if (!port.ok) {
    context.print(port.message)
    return { ok: false, exitCode: 1 }
  }
  if (config.isDashboardEnabled) await ensureDashboard(context, signal)
  if (signal.aborted) return { ok: false, exitCode: 0 }
  return { ok: true, config: { ...config, port: port.port }, keys: ensureKeys(config) }
}

/** Children of a `start` that was killed are on their way out; a new fleet beside them would miss their ports. */
async function waitForLeftovers(
  { print }: StartContext,
  config: CliConfig,
  signal: AbortSignal,
): Promise<boolean> {
  const record = readStartFile(config.dataDir)
  if (record === undefined || listLiveChildren(record).length === 0) return true
  const names = () => listLiveChildren(record).map(({ name, pid }) => `${name} (${pid})`)
  print(
    `Waiting for what an earlier start left: ${names().join(', ')}. \`npx -y pnpm@12 berth down\` ends it.`,
  )
  const endsAtMs = performance.now() + record.shutdownTimeoutMs + 5000
  while (names().length > 0 && !signal.aborted) {
    if (performance.now() > endsAtMs) {
      print(`Still there: ${names().join(', ')}. End it first: npx -y pnpm@12 berth down`)
      return false
    }
    await sleep(100)
  }
  return !signal.aborted
}

async function ensureDashboard({ root, env, print }: StartContext, signal: AbortSignal): Promise<void> {
  if (isBuildCurrent(root)) return
  print('Building the dashboard, as its sources are new here …')
  const built = await buildDashboard(root, env, signal)
  if (built.state === 'failed' && !signal.aborted) {
    print(`The dashboard could not be built, the rest starts without it: ${built.message}`)
  }
}

function describeBalancer({ root, env }: StartContext, config: CliConfig): ChildSpec {
  return {
    name: 'balancer',
    args: [join(root, 'balancer', 'src', 'main.ts')],
    port: config.port,
    env: {
      WEBHOOK_ALLOW: LOOPBACK,
      ...withLogFormat(env),
      PORT: String(config.port),
      HOST: config.host,
      DATA_DIR: config.dataDir,
      WORKERS_FILE: config.workersFile,
    },
  }
}

/** With a prefix before each line JSON is of no use to a program, so people come first. */
function withLogFormat(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, LOG_FORMAT: env.LOG_FORMAT || 'pretty' }
}

/** Waits until the fleet can be used, then shows the screen. */
async function announce(
  context: StartContext,
  config: CliConfig,
  keys: Keys,
  fleet: Fleet,
  signal: AbortSignal,
) {
  const address = formatAddress(config.host, config.port)
  const client = createBalancerClient(address, keys.client)
  if (!(await waitFor(() => client.isUp(), UP_LIMIT_MS, signal))) {
    if (!signal.aborted)
      context.print(`The balancer does not answer at ${address} yet; its lines above say why.`)
    return
  }
  await fleet.waitForWorkers()
  await waitFor(() => haveWorkersAnswered(client, fleet), WORKERS_LIMIT_MS, signal)
  const answer = await client.makeSignInToken()
  const example = chooseExample((await client.listFunctions()) ?? [])
  if (signal.aborted) return
  writeHeaderFile(config, keys.client)
  const facts: ScreenFacts = {
    address,
    ...(answer.ok ? { token: answer.token } : {}),
    isDashboardEnabled: config.isDashboardEnabled,
    workerPorts: fleet.listWorkerPorts(),
    headerFile: headerFilePath(config.dataDir),
    example,
    keySource:
      config.givenKeys.client === undefined
        ? join(config.dataDir, 'keys.json')
        : 'the environment (LB_AUTH_KEY)',
    workersFile: config.workersFile,
    functionsFolder: shownFolder(context.root, fleet.folder),
  }
  context.print(formatScreen(facts))
}

/** Where functions of the fleet lie, from the repository if they lie in it. */
function shownFolder(root: string, folder: string | undefined): string | undefined {
  if (folder === undefined) return undefined
  const functions = join(folder, 'functions')
  const within = relative(root, functions)
  return within.startsWith('..') || isAbsolute(within) ? functions : within
}

/** Whether the balancer has met every worker that we run; a task sent before would not find its function. */
async function haveWorkersAnswered(client: BalancerClient, fleet: Fleet): Promise<boolean> {
  const workers = await client.listWorkers()
  if (workers === undefined) return false
  const known = new Map(workers.map(({ id, status }) => [id, status]))
  return fleet
    .listWorkerNames()
    .every((name) => !['connecting', 'unreachable', undefined].includes(known.get(name)))
}

/** `curl -H @file` reads it: the example works in any folder and shows no key on the screen or in `ps`. */
function writeHeaderFile(config: CliConfig, key: string): void {
  ensureFolder(config.dataDir)
  writeFileAtomic(headerFilePath(config.dataDir), `Authorization: ${key}\nContent-Type: application/json\n`)
}

async function waitFor(
  check: () => Promise<boolean>,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const endsAtMs = performance.now() + limitMs
  while (!signal.aborted && performance.now() < endsAtMs) {
    if (await check()) return true
    await sleep(POLL_MS)
  }
  return false
}

function waitForAbort(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

function describeRunning(config: CliConfig, pid: number, startedAt: string): string {
  const record = readStartFile(config.dataDir)
  const where =
    record?.pid === pid
      ? ` (balancer on port ${record.ports.balancer}${record.ports.workers.length > 0 ? `, workers on ${record.ports.workers.join(', ')}` : ''})`
      : ''
  return `A start is running already: process ${pid}, since ${startedAt}${where}. Stop it with: npx -y pnpm@12 berth down`
}
