/** The balancer's settings: defaults, refusals, warnings, and the three keys. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import type { Environment } from '@berth/runtime'
import { readConfig, resolveKeys } from './config.ts'
import { resolveWebhookSecret } from './webhook-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-config-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const SURROUNDINGS = { hostName: 'alpha', isTerminal: false }
const GOOD_KEY = 'f3a9c1d27b8e4f60a1b2c3d4e5f60718'

function accepted(env: Environment) {
  const read = readConfig(env, SURROUNDINGS)
  assert.ok(read.ok, `refused: ${JSON.stringify(read)}`)
  return read
}

function refusedVariables(env: Environment): string[] {
  const read = readConfig(env, SURROUNDINGS)
  assert.ok(!read.ok, `accepted: ${JSON.stringify(env)}`)
  return read.errors.map(({ variable }) => variable)
}

test('an empty environment gives the defaults of the contract', () => {
  const { config, warnings } = accepted({})
  assert.deepEqual(config, {
    port: 4000,
    host: '127.0.0.1',
    name: 'alpha',
    environment: null,
    workersFile: resolve('workers.json'),
    dataDir: resolve('.berth'),
    givenKeys: { lbAuthKey: undefined, fleetKey: undefined, workerAuthKey: undefined },
    readKey: undefined,
    taskTimeoutMs: 300_000,
    taskAttempts: 3,
    defaultPriority: 100,
    starvationAfterMs: 30_000,
    queueLimit: 10_000,
    queueBytes: 512 * 1024 ** 2,
    queueTimeoutMs: 300_000,
    runLimit: 5_000_000,
    diskReserveBytes: 512 * 1024 ** 2,
    runRetentionMs: 7 * 24 * 3_600_000,
    runHistory: 'none',
    idempotencyLimit: 1_000_000,
    budgets: {
      low: { runMs: 60_000 },
      standard: { runMs: 600_000 },
      high: { runMs: 3_600_000 },
      unlimited: {},
    },
    requestBodyLimitBytes: 10 * 1024 ** 2,
    batchBodyLimitBytes: 64 * 1024 ** 2,
    resultLimitBytes: 10 * 1024 ** 2,
    discoveryIntervalMs: 3000,
    discoveryTimeoutMs: 3000,
    heartbeatIntervalMs: 3000,
    heartbeatTimeoutMs: 3000,
    workerLeaseMs: 30_000,
    runEventsLimitBytes: 10 * 1024 ** 2,
    runLogLines: 1000,
    fileLimitBytes: 100 * 1024 ** 2,
    runFilesLimitBytes: 1024 ** 3,
    compat: {
      apis: new Set(['worklets', 'workers']),
      agentFunction: 'agent',
      emailDomain: undefined,
      emailPort: undefined,
    },
    webhooks: {
      timeoutMs: 15_000,
      maxRetries: 9,
      headers: {},
      givenSecret: undefined,
      allow: [],
      inlineLimitBytes: 256 * 1024,
    },
    maxLogs: 1000,
    isDashboardEnabled: true,
    answerHeaders: 'full',
    logLevel: 'info',
    logFormat: 'json',
    shutdownTimeoutMs: 30_000,
  })
  assert.deepEqual(warnings, [])
  assert.ok(Object.isFrozen(config))
})

test('values arrive with their units, and one default follows another value', () => {
  const { config } = accepted({ TASK_TIMEOUT: '5m', QUEUE_BYTES: '1gb', DASHBOARD_ENABLED: 'off', PORT: '0' })
  assert.equal(config.taskTimeoutMs, 300_000)
  assert.equal(config.queueBytes, 1024 ** 3)
  assert.equal(config.isDashboardEnabled, false)
  assert.equal(config.port, 0)
  assert.equal(accepted({ STARVATION_AFTER: '2m' }).config.starvationAfterMs, 120_000)
  assert.equal(accepted({ TASK_TIMEOUT: '7s' }).config.queueTimeoutMs, 7000)
  assert.equal(accepted({ TASK_TIMEOUT: '7s', QUEUE_TIMEOUT: '2s' }).config.queueTimeoutMs, 2000)
  const terminal = readConfig({}, { hostName: 'a', isTerminal: true })
  assert.equal(terminal.ok && terminal.config.logFormat, 'pretty')
})

for (const [variable, value] of [
  ['TASK_TIMEOUT', 'soon'],
  ['PORT', '70000'],
  ['TASK_ATTEMPTS', '0'],
  ['STARVATION_AFTER', '0'],
  ['DEFAULT_PRIORITY', '2097153'],
  ['QUEUE_BYTES', 'NaN'],
  ['LOG_LEVEL', 'loud'],
  ['ANSWER_HEADERS', 'some'],
  ['RUN_EVENTS_LIMIT', '10'],
  ['RUN_LOG_LINES', '0'],
  ['BUDGETS', '{"low":{"tokens":-1}}'],
  ['WEBHOOK_TIMEOUT', '0'],
  ['WEBHOOK_MAX_RETRIES', '-1'],
  ['WEBHOOK_HEADERS', '{"host":"x"}'],
  ['WEBHOOK_SECRET', 'whsec_short'],
  ['WEBHOOK_ALLOW', '10.0.0.0/33'],
  ['WEBHOOK_INLINE_LIMIT', 'much'],
  ['DATABASE_URL', 'postgres://x'],
  ['DATABASE_URL_FILE', '/run/secrets/x'],
  ['UPSTREAM_URL', 'http://x'],
  ['BALANCER_URL', 'http://x'],
  ['WEBSOCKET_PORT', '4001'],
] as const) {
  test(`${variable}=${value} is an error that names the variable`, () => {
    assert.deepEqual(refusedVariables({ [variable]: value }), [variable])
  })
}

test('what is not supported yet is one warning a variable; the unknown is none', () => {
  const { warnings } = accepted({ OPENAPI_ENABLED: 'true', METRICS_ENABLED: 'true', EDITOR: 'vi' })
  assert.equal(warnings.length, 2)
  for (const name of ['OPENAPI_ENABLED', 'METRICS_ENABLED'])
    assert.equal(warnings.filter((line) => line.includes(name)).length, 1)
  assert.ok(!warnings.join().includes(GOOD_KEY))
})

test('mail needs a domain, and the API of workers', () => {
  const { compat } = accepted({ EMAIL_PORT: '2525', EMAIL_DOMAIN: 'berth.example' }).config
  assert.deepEqual([compat.emailPort, compat.emailDomain], [2525, 'berth.example'])
  assert.deepEqual(refusedVariables({ EMAIL_PORT: '2525' }), ['EMAIL_DOMAIN'])
  assert.deepEqual(refusedVariables({ EMAIL_PORT: '2525', EMAIL_DOMAIN: 'a', COMPAT: '' }), ['EMAIL_PORT'])
  assert.deepEqual(refusedVariables({ EMAIL_DOMAIN: 'a b' }), ['EMAIL_DOMAIN'])
})

test('the APIs of other systems: both, some of them, none', () => {
  const apisOf = (env: Environment) => [...accepted(env).config.compat.apis]
  assert.deepEqual(apisOf({}), ['worklets', 'workers'])
  assert.deepEqual(apisOf({ COMPAT: 'workers' }), ['workers'])
  assert.deepEqual(apisOf({ COMPAT: '' }), [])
  assert.deepEqual(refusedVariables({ COMPAT: 'workers,lambdas' }), ['COMPAT'])
  assert.deepEqual(refusedVariables({ AGENT_FUNCTION: 'no name' }), ['AGENT_FUNCTION'])
})

for (const key of ['changeme', 'default-lb-auth-key', 'secret', 'test', 'password', 'SECRET']) {
  test(`the key ${key} is refused with a command that makes a better one`, () => {
    for (const variable of ['LB_AUTH_KEY', 'FLEET_KEY', 'WORKER_AUTH_KEY']) {
      const read = readConfig({ [variable]: key }, SURROUNDINGS)
      assert.ok(!read.ok)
      assert.equal(read.errors[0]?.variable, variable)
      assert.match(read.errors[0]?.message ?? '', /openssl rand -base64 32/)
    }
  })
}

test('a short key of the operator is taken and warned of', () => {
  const read = readConfig({ LB_AUTH_KEY: 'fifteen-letters' }, SURROUNDINGS)
  assert.ok(read.ok)
  assert.equal(read.warnings.length, 1)
  assert.match(read.warnings[0] ?? '', /LB_AUTH_KEY is shorter than 16/)
  const long = readConfig({ LB_AUTH_KEY: 'sixteen-letters!' }, SURROUNDINGS)
  assert.deepEqual(long.ok && long.warnings, [])
})

test('viewers have a key of their own, also from a file', () => {
  const readKey = `${GOOD_KEY}-read`
  assert.equal(accepted({ READ_KEY: readKey }).config.readKey, readKey)
  const file = join(folder, 'read-key')
  writeFileSync(file, `${readKey}\n`)
  const { config, printed } = accepted({ LB_AUTH_KEY: GOOD_KEY, READ_KEY_FILE: file })
  assert.equal(config.readKey, readKey)
  assert.match(printed, /^READ_KEY=\*\*\* +# file /m)
  for (const other of ['LB_AUTH_KEY', 'FLEET_KEY', 'WORKER_AUTH_KEY'])
    assert.deepEqual(refusedVariables({ [other]: GOOD_KEY, READ_KEY: GOOD_KEY }), ['READ_KEY'])
  assert.deepEqual(refusedVariables({ READ_KEY: 'changeme' }), ['READ_KEY'])
  const dataDir = join(folder, 'shared')
  const made = resolveKeys(accepted({ DATA_DIR: dataDir }).config)
  assert.ok(made.ok)
  const shared = resolveKeys(accepted({ DATA_DIR: dataDir, READ_KEY: made.keys.lbAuthKey }).config)
  assert.deepEqual(!shared.ok && shared.errors.map(({ variable }) => variable), ['READ_KEY'])
})

test('a host that others reach needs a key', () => {
  for (const HOST of ['0.0.0.0', '::', '192.168.1.4', 'example.org'])
    assert.deepEqual(refusedVariables({ HOST }), ['LB_AUTH_KEY'])
  for (const HOST of ['127.0.0.1', '::1', 'localhost', '127.1.2.3']) accepted({ HOST })
  accepted({ HOST: '0.0.0.0', LB_AUTH_KEY: GOOD_KEY })
})

test('the printed settings say where each came from and hold no key', () => {
  const file = join(folder, 'fleet-key')
  const other = `${GOOD_KEY}-other`
  writeFileSync(file, `${other}\n`)
  const { printed } = accepted({ LB_AUTH_KEY: GOOD_KEY, FLEET_KEY_FILE: file, PORT: '4100' })
  assert.ok(!printed.includes(GOOD_KEY))
  assert.match(printed, /^PORT=4100 +# environment$/m)
  assert.match(printed, /^LB_AUTH_KEY=\*\*\* +# environment$/m)
  assert.match(printed, /^FLEET_KEY=\*\*\* +# file /m)
  assert.match(printed, /^WORKER_AUTH_KEY= +# default: LB_AUTH_KEY$/m)
  assert.match(printed, /^QUEUE_TIMEOUT=300000 +# default: TASK_TIMEOUT$/m)
  assert.match(accepted({}).printed, /^LB_AUTH_KEY= +# .*keys\.json$/m)
})

test('given keys: the fleet and the workers have the callers’ one unless they are given their own', () => {
  const dataDir = join(folder, 'never-made')
  const all = (env: Environment) => {
    const resolved = resolveKeys({ ...accepted(env).config, dataDir })
    assert.ok(resolved.ok)
    return resolved.keys
  }
  assert.deepEqual(all({ LB_AUTH_KEY: GOOD_KEY }), {
    lbAuthKey: GOOD_KEY,
    fleetKey: GOOD_KEY,
    workerAuthKey: GOOD_KEY,
  })
  const fleetKey = `${GOOD_KEY}-fleet`
  const workerAuthKey = `${GOOD_KEY}-worker`
  assert.deepEqual(all({ LB_AUTH_KEY: GOOD_KEY, FLEET_KEY: fleetKey, WORKER_AUTH_KEY: workerAuthKey }), {
    lbAuthKey: GOOD_KEY,
    fleetKey,
    workerAuthKey,
  })
  assert.throws(() => statSync(dataDir), { code: 'ENOENT' })
})

test('without keys three different ones are made once and kept for this user alone', () => {
  const dataDir = join(folder, 'data')
  const { config } = accepted({ DATA_DIR: dataDir })
  const first = resolveKeys(config)
  assert.ok(first.ok)
  assert.equal(new Set(Object.values(first.keys)).size, 3)
  for (const key of Object.values(first.keys)) assert.match(key, /^[\w-]{43}$/)
  assert.equal(statSync(dataDir).mode & 0o777, 0o700)
  assert.equal(statSync(join(dataDir, 'keys.json')).mode & 0o777, 0o600)
  assert.deepEqual(resolveKeys(config), first)
  const fleetKey = `${GOOD_KEY}-fleet`
  const mixed = resolveKeys(accepted({ DATA_DIR: dataDir, FLEET_KEY: fleetKey }).config)
  assert.deepEqual(mixed, { ok: true, keys: { ...first.keys, fleetKey } })
})

test('a key file that is no key file is an error that names DATA_DIR, and stays as it is', () => {
  const dataDir = mkdtempSync(join(folder, 'bad-'))
  writeFileSync(join(dataDir, 'keys.json'), '{}')
  const resolved = resolveKeys(accepted({ DATA_DIR: dataDir }).config)
  assert.ok(!resolved.ok)
  assert.equal(resolved.errors[0]?.variable, 'DATA_DIR')
  assert.equal(readFileSync(join(dataDir, 'keys.json'), 'utf8'), '{}')
})

test('a lease that ends before a worker counts as silent is refused, with the names of what it contradicts', () => {
  const read = readConfig({ WORKER_LEASE: '5s' }, SURROUNDINGS)
  assert.ok(!read.ok)
  assert.deepEqual(read.errors, [
    {
      variable: 'WORKER_LEASE',
      message: 'must be at least WS_HEARTBEAT_INTERVAL + WS_HEARTBEAT_TIMEOUT, 6000 ms (it is 5000 ms)',
    },
  ])
  accepted({ WORKER_LEASE: '6s' })
  accepted({ WORKER_LEASE: '20ms', WS_HEARTBEAT_INTERVAL: '10ms', WS_HEARTBEAT_TIMEOUT: '10ms' })
})

test('a key that is set but empty counts as unset, and says so', () => {
  for (const variable of ['LB_AUTH_KEY', 'FLEET_KEY', 'WORKER_AUTH_KEY']) {
    const { warnings } = accepted({ [variable]: '' })
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', new RegExp(`^${variable} is set but empty`))
  }
  assert.deepEqual(refusedVariables({ LB_AUTH_KEY: '', HOST: '0.0.0.0' }), ['LB_AUTH_KEY'])
})

test('the secret of webhooks is given, or made once and kept for its owner alone', () => {
  const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
  const read = accepted({ WEBHOOK_SECRET: secret, WEBHOOK_HEADERS: '{"authorization":"a-secret-of-theirs"}' })
  assert.ok(!read.printed.includes(secret) && !read.printed.includes('a-secret-of-theirs'))
  assert.deepEqual(resolveWebhookSecret(read.config), { ok: true, secret })
  const { config } = accepted({ DATA_DIR: join(folder, 'webhooks') })
  const made = resolveWebhookSecret(config)
  assert.match(made.ok ? made.secret : '', /^whsec_[A-Za-z0-9+/]{43}=$/)
  assert.deepEqual(resolveWebhookSecret(config), made)
  assert.equal(statSync(join(folder, 'webhooks', 'webhook-secret')).mode & 0o777, 0o600)
  writeFileSync(join(folder, 'webhooks', 'webhook-secret'), 'none')
  const refused = resolveWebhookSecret(config)
  assert.equal(!refused.ok && refused.errors[0]?.variable, 'WEBHOOK_SECRET')
})
