/**
 * The worker's process: environment → config → keys → worker → signals → exit code. `node worker/src/main.ts
 * [project folder] [--watch] [--print-config]`; the folder holds `functions/` and optionally `services/` and `tags/`.
 * With `--watch` this process is a supervisor, and its workers are started with `--standby`.
 *
 * Exit codes: 0 after a clean stop, 1 when it could not start, 78 for a configuration error.
 */

import { existsSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import {
  countBuffersWithHeap,
  createLog,
  endProcess,
  exitWithConfigErrors,
  formatConfig,
  onSignals,
  watchLifeline,
} from '@berth/runtime'
import { messageOf } from './attempt/result.ts'
import { startWorker } from './compose.ts'
import { environmentOfUserCode, readConfig, resolveKeys, SECRETS, type WorkerConfig } from './config.ts'
import { LoadError } from './functions/discover.ts'
import { readEnvFile } from './privacy/env-file.ts'
import { Secrets } from './privacy/secrets.ts'
import { captureConsole } from './privacy/task-console.ts'
import { Standby } from './watch/standby.ts'
import { Supervisor } from './watch/supervisor.ts'
import { webhookTexts } from './webhook/webhook-config.ts'

const OPTIONS: ReadonlySet<string> = new Set(['--print-config', '--watch', '--standby'])
/** Whoever saves a file wants to see it run; what runs by then is told to end. */
const WATCH_DRAIN_MS = 300
/** User code may have left timers and sockets open, which nobody waits for. */
const USER_CODE_END_MS = 250
const DEFAULT_FOLDER = join(import.meta.dirname, '../../examples/fleet')

countBuffersWithHeap()
const parsed = readConfig(process.env)
if (!parsed.ok) exitWithConfigErrors(parsed.errors)
const { config, origins, warnings } = parsed
const args = process.argv.slice(2)
if (args.includes('--print-config')) {
  process.stdout.write(`${formatConfig(config, origins, SECRETS)}\n`)
  process.exit(0)
}
const folder = projectFolder()
try {
  if (args.includes('--watch')) await supervise(config)
  else await run(config, args.includes('--standby') ? new Standby() : undefined)
} catch (error) {
  // What is thrown here is the process's own fault, or its environment's, and no task's.
  fail(`the worker could not start: ${messageOf(error)}`)
}

async function supervise(config: WorkerConfig): Promise<void> {
  const { FUNCTION_ENV_FILE } = config
  const supervisor = new Supervisor({
    args: [...process.execArgv, import.meta.filename, folder, '--standby'],
    folder,
    files: FUNCTION_ENV_FILE === undefined ? [] : [resolve(FUNCTION_ENV_FILE)],
    log: createLog({ level: config.LOG_LEVEL, format: formatOf(config), source: 'watch' }),
    exit: (code) => process.exit(code),
  })
  const stop = (signal: NodeJS.Signals) => void supervisor.stop(signal)
  const end = () => {
    supervisor.kill()
    process.exit(1)
  }
  onSignals({ onFirst: stop, onSecond: end })
  watchLifeline(() => stop('SIGTERM'))
  await supervisor.start()
}

async function run(config: WorkerConfig, standby?: Standby): Promise<void> {
  await standby?.cued()
  const resolved = await resolveKeys(config, { onWait: (line) => process.stderr.write(`${line}\n`) })
  if (!resolved.ok) exitWithConfigErrors(resolved.errors)
  const { keys } = resolved
  const envFile = readEnvFile(config.FUNCTION_ENV_FILE)
  if (!envFile.ok) exitWithConfigErrors([{ variable: 'FUNCTION_ENV_FILE', message: envFile.message }])
  const { env } = envFile
  const secrets = new Secrets(Object.values(env))
  const log = createLog({
    level: config.LOG_LEVEL,
    format: formatOf(config),
    capacity: config.MAX_LOGS,
    source: 'worker',
    redact: [keys.authKey, keys.fleetKey, ...secrets.texts, ...webhookTexts(config)],
  })
  captureConsole(log.child({ source: 'console' }))
  for (const warning of warnings) log.warn(warning)
  // A throw in a timer or an unawaited promise belongs to one task, and the process runs many others: ending
  // it would lose them all. The task itself ends by its timeout.
  process.on('uncaughtException', (error) => log.error('user code threw outside of a task', { error }))
  process.on('unhandledRejection', (reason) => {
    log.error('user code left a rejection unhandled', {
      error: reason instanceof Error ? reason : messageOf(reason),
    })
  })
  const beforeListen = async () => standby?.loaded()
  const starting = startWorker(config, keys, folder, log, {
    env,
    processEnv: environmentOfUserCode(process.env),
    secrets,
    beforeListen,
  })
  const leave = async (why: string, limitMs = config.SHUTDOWN_TIMEOUT) => {
    log.info('stopping', { why })
    const worker = await starting.catch(() => undefined)
    await worker?.drain(limitMs)
    await worker?.stop()
    process.channel?.unref()
    endProcess(0, USER_CODE_END_MS)
  }
  onSignals({ onFirst: (signal) => void leave(signal), onSecond: () => process.exit(1) })
  watchLifeline(() => void leave('the supervisor is gone'))
  standby?.onLeave((why) => void leave(why, WATCH_DRAIN_MS))
  standby?.onProblem((text) => log.error(text))
  try {
    await starting
  } catch (error) {
    const problem = explain(error, config)
    await standby?.failed(problem)
    // The supervisor shows it, where the worker that goes on is read.
    if (standby && error instanceof LoadError) process.exit(1)
    fail(problem)
  }
}

function formatOf({ LOG_FORMAT }: WorkerConfig) {
  return LOG_FORMAT ?? (process.stdout.isTTY ? 'pretty' : 'json')
}

function projectFolder(): string {
  const given = args.find((arg) => !arg.startsWith('--'))
  const unknown = args.find((arg) => arg.startsWith('--') && !OPTIONS.has(arg))
  if (unknown !== undefined) fail(`unknown option ${unknown}; known are --watch and --print-config`)
  const folder = given === undefined ? DEFAULT_FOLDER : isAbsolute(given) ? given : resolve(given)
  if (!existsSync(folder)) fail(`there is no project folder ${folder}; give one that holds functions/`)
  return folder
}

function explain(error: unknown, { HOST, PORT }: WorkerConfig): string {
  if (error instanceof LoadError) return error.problems.join('\n')
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { code?: string }
  if (code === 'EADDRINUSE') return `port ${PORT} on ${HOST} is in use; stop what listens there, or set PORT`
  if (code === 'EACCES')
    return `port ${PORT} on ${HOST} may not be used by this user; set PORT to 1024 or above`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `HOST ${HOST} is no address of this machine; set HOST`
  return `the worker could not start: ${messageOf(error)}`
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
