/**
 * The balancer's process: environment to configuration, configuration to services, signals to an end.
 * Exit codes: 0 after a clean stop, 1 when it cannot start or run, 78 for a configuration error.
 */
import { hostname } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import {
  CONFIG_EXIT_CODE,
  countBuffersWithHeap,
  createLog,
  endProcess,
  exitWithConfigErrors,
  LifelineError,
  onSignals,
  runServices,
  systemClock,
  watchLifeline,
} from '@berth/runtime'
import { composeBalancer } from './compose.ts'
import { type BalancerConfig, type BalancerKeys, readConfig, resolveKeys } from './config.ts'
import { ListenError } from './http/listen-error.ts'
import { lockDataDir } from './store/lock.ts'
import { SqliteStore } from './store/sqlite-store.ts'
import { StoreError } from './store/store-error.ts'
import { StoreKeeper } from './store/store-keeper.ts'
import { resolveWebhookSecret, webhookTexts } from './webhook-config.ts'

countBuffersWithHeap()
await main()

async function main(): Promise<void> {
  const isTerminal = process.stdout.isTTY === true
  const read = readConfig(process.env, { hostName: hostname(), isTerminal })
  if (!read.ok) return exitWithConfigErrors(read.errors)
  if (process.argv.includes('--print-config')) {
    process.stdout.write(`${read.printed}\n`)
    return
  }
  const lock = lockDataDir(read.config.dataDir)
  if (!lock.ok) return exitWithConfigErrors([{ variable: 'DATA_DIR', message: lock.detail }])
  const resolved = resolveKeys(read.config)
  if (!resolved.ok) {
    lock.release()
    return exitWithConfigErrors(resolved.errors)
  }
  const signing = resolveWebhookSecret(read.config)
  if (!signing.ok) {
    lock.release()
    return exitWithConfigErrors(signing.errors)
  }
  const code = await run(read.config, resolved.keys, signing.secret, read.warnings)
  lock.release()
  endProcess(code)
}

async function run(
  config: BalancerConfig,
  keys: BalancerKeys,
  webhookSecret: string,
  warnings: readonly string[],
): Promise<number> {
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat,
    capacity: config.maxLogs,
    source: 'balancer',
    redact: [
      ...Object.values(keys),
      ...(config.readKey === undefined ? [] : [config.readKey]),
      ...webhookTexts(webhookSecret, config.webhooks),
    ],
  })
  for (const warning of warnings) log.warn(warning)
  const store = new SqliteStore({ path: join(config.dataDir, 'berth.db') })
  const keeper = new StoreKeeper({ store, clock: systemClock, log })
  const ending = Promise.withResolvers<void>()
  let isOver = false
  // Never taken away, since they hold nothing up: an echo that comes when all is stopped would end the process by the
  // signal. Node takes them away itself in the last 20 ms, when it disposes of the heap.
  onSignals({
    onFirst: (signal) => {
      if (isOver) return
      log.info('stopping', { signal, boundMs: config.shutdownTimeoutMs })
      ending.resolve()
    },
    onSecond: () => {
      if (!isOver) process.exit(1)
    },
  })
  try {
    watchLifeline(() => ending.resolve())
    const contents = await store.open(keeper)
    keeper.start()
    const balancer = composeBalancer({ config, keys, webhookSecret, log, store, keeper, contents })
    const services = await runServices(balancer.services, log)
    const { address, port } = balancer.http.address()
    log.info('balancer ready', { url: `http://${address}:${port}`, name: config.name })
    await ending.promise
    await balancer.drain(config.shutdownTimeoutMs)
    await services.stop()
    log.info('stopped')
    return 0
  } catch (error) {
    const isExplained = [ListenError, LifelineError, StoreError].some((kind) => error instanceof kind)
    if (!(isExplained && error instanceof Error)) throw error
    process.stderr.write(`berth: ${error.message}\n`)
    return error instanceof StoreError ? CONFIG_EXIT_CODE : 1
  } finally {
    isOver = true
    keeper.stop()
    await store.close()
  }
}
