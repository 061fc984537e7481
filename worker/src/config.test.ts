import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ensureKeyFile } from '@berth/runtime'
import { nameOf, readConfig, resolveKeys, type WorkerConfig } from './config.ts'
import { makeFolder } from './fixtures/test-folder.ts'

function configOf(env: Record<string, string>): WorkerConfig {
  const parsed = readConfig(env)
  assert.ok(parsed.ok, JSON.stringify(parsed))
  return parsed.config
}

function errorsOf(env: Record<string, string>): string[] {
  const parsed = readConfig(env)
  return parsed.ok ? [] : parsed.errors.map(({ variable }) => variable)
}

const KEYS = { AUTH_KEY: 'a-key-of-the-worker', LB_AUTH_KEY: 'a-key-of-the-fleet' }

describe('the worker’s environment', () => {
  it('has the defaults of the contract', () => {
    const { TAGS, ...config } = configOf({})
    assert.deepEqual(TAGS, {})
    assert.deepEqual(
      { ...config },
      {
        PORT: 3000,
        HOST: '127.0.0.1',
        DATA_DIR: './.berth',
        GROUP: 'default',
        CONTRACT: 1,
        SLOTS: 10,
        QUEUE_LIMIT: 1000,
        DEFAULT_PRIORITY: 100,
        DEFAULT_TIMEOUT: 30_000,
        BACKGROUND_TIMEOUT: 86_400_000,
        LOG_LEVEL: 'info',
        MAX_LOGS: 1000,
        REQUEST_BODY_LIMIT: 10 * 1024 * 1024,
        RESULT_LIMIT: 10 * 1024 * 1024,
        OPENAPI_ENABLED: true,
        WEBHOOK_TIMEOUT: 5_000,
        WEBHOOK_MAX_RETRIES: 3,
        WEBHOOK_RETRY_DELAY: 1_000,
        WEBHOOK_HEADERS: {},
        WEBHOOK_ALLOW: [],
        SHUTDOWN_TIMEOUT: 30_000,
      },
    )
  })

  it('names what it cannot use', () => {
    assert.deepEqual(
      errorsOf({
        SLOTS: 'abc',
        DEFAULT_TIMEOUT: 'soon',
        PORT: '70000',
        GROUP: 'a b',
        TAGS: 'x',
        NAME: '-',
      }).toSorted(),
      ['DEFAULT_TIMEOUT', 'GROUP', 'NAME', 'PORT', 'SLOTS', 'TAGS'],
    )
    assert.deepEqual(errorsOf({ SLOTS: '0' }), ['SLOTS'])
    assert.deepEqual(errorsOf({ CONTRACT: '0' }), ['CONTRACT'])
  })

  it('refuses what would send work elsewhere, and knows the rest', () => {
    assert.deepEqual(errorsOf({ BALANCER_URL: 'http://b', WEBSOCKET_PORT: 'x' }).toSorted(), [
      'BALANCER_URL',
      'WEBSOCKET_PORT',
    ])
    const parsed = readConfig({ OPENAPI_ENABLED: 'false', FUNCTION_ENV_FILE: 'f' })
    assert.ok(parsed.ok)
    assert.deepEqual([parsed.config.OPENAPI_ENABLED, parsed.config.FUNCTION_ENV_FILE], [false, 'f'])
    assert.deepEqual(parsed.warnings, [])
  })

  it('reads tags', () => {
    assert.deepEqual(configOf({ TAGS: 'gpu=h200, vram=80,url=a=b,' }).TAGS, {
      gpu: 'h200',
      vram: '80',
      url: 'a=b',
    })
    for (const TAGS of ['=x', 'a=1,a=2', '__proto__=1', `a=${'x'.repeat(129)}`])
      assert.deepEqual(errorsOf({ TAGS }), ['TAGS'])
  })

  it('makes a name that is one', () => {
    assert.equal(nameOf(configOf({ NAME: 'w1' })), 'w1')
    assert.match(nameOf(configOf({ PORT: '3007' })), /^[A-Za-z0-9][A-Za-z0-9._-]*3007$/)
  })
})

describe('resolveKeys', () => {
  it('takes those of the environment, from a file too', async () => {
    assert.deepEqual(await resolveKeys(configOf({ ...KEYS, HOST: '0.0.0.0' })), {
      ok: true,
      keys: { authKey: KEYS.AUTH_KEY, fleetKey: KEYS.LB_AUTH_KEY },
    })
    using folder = makeFolder({ key: ' from-a-file-it-came\n' })
    const config = configOf({ AUTH_KEY_FILE: `${folder.path}/key`, LB_AUTH_KEY: KEYS.LB_AUTH_KEY })
    assert.equal(config.AUTH_KEY, 'from-a-file-it-came')
  })

  it('requires both off loopback', async () => {
    const result = await resolveKeys(configOf({ HOST: '0.0.0.0', AUTH_KEY: KEYS.AUTH_KEY }))
    assert.ok(!result.ok)
    assert.deepEqual(
      result.errors.map(({ variable }) => variable),
      ['LB_AUTH_KEY'],
    )
  })

  it('refuses examples', async () => {
    const result = await resolveKeys(configOf({ ...KEYS, AUTH_KEY: 'change-me' }))
    assert.ok(!result.ok)
    assert.match(JSON.stringify(result.errors), /AUTH_KEY.*example/)
  })

  it('takes the key file on loopback, also when it appears a little later', async () => {
    using folder = makeFolder()
    const told: string[] = []
    const onWait = (line: string) => told.push(line)
    const waiting = resolveKeys(configOf({ DATA_DIR: folder.path }), { onWait })
    const made = ensureKeyFile(folder.path)
    assert.deepEqual(await waiting, {
      ok: true,
      keys: { authKey: made.WORKER_AUTH_KEY, fleetKey: made.FLEET_KEY },
    })
    assert.deepEqual(told, [], 'a moment is not worth a line')
  })

  it('says what to do when there is none', async () => {
    using folder = makeFolder()
    const result = await resolveKeys(configOf({ DATA_DIR: folder.path }), { waitMs: 0 })
    assert.ok(!result.ok)
    assert.match(result.errors[0]?.message ?? '', /start the balancer, or set the key/)
  })
})
