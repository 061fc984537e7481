/** What the commands read from the environment, and which keys are then in force. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { ensureKeyFile } from '@berth/runtime'
import { ensureKeys, findClientKey, formatAddress, readCliConfig } from './config.ts'

test('defaults, with absolute paths', () => {
  const read = readCliConfig({})
  assert.ok(read.ok)
  assert.deepEqual(read.config, {
    port: 4000,
    host: '127.0.0.1',
    dataDir: resolve('.berth'),
    workersFile: resolve('workers.json'),
    isDashboardEnabled: true,
    shutdownTimeoutMs: 30_000,
    givenKeys: { client: undefined, fleet: undefined, worker: undefined },
  })
})

test('a wrong value and an example key are errors that name the variable', () => {
  const read = readCliConfig({ PORT: 'abc', SHUTDOWN_TIMEOUT: 'soon' })
  assert.ok(!read.ok)
  assert.deepEqual(
    read.errors.map(({ variable }) => variable),
    ['PORT', 'SHUTDOWN_TIMEOUT'],
  )
  const example = readCliConfig({ LB_AUTH_KEY: 'changeme' })
  assert.ok(!example.ok && example.errors[0]?.variable === 'LB_AUTH_KEY')
})

test('given keys stand for each other, else they are made and kept', (context) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-cli-'))
  context.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const given = readCliConfig({ DATA_DIR: dataDir, LB_AUTH_KEY: 'k1', FLEET_KEY: 'k2' })
  assert.ok(given.ok)
  assert.deepEqual(ensureKeys(given.config), { client: 'k1', fleet: 'k2', worker: 'k1' })
  const none = readCliConfig({ DATA_DIR: dataDir, WORKER_AUTH_KEY: 'k3' })
  assert.ok(none.ok)
  assert.equal(findClientKey(none.config), undefined)
  const keys = ensureKeys(none.config)
  const kept = ensureKeyFile(dataDir)
  assert.deepEqual(keys, { client: kept.LB_AUTH_KEY, fleet: kept.FLEET_KEY, worker: 'k3' })
  assert.equal(findClientKey(none.config), kept.LB_AUTH_KEY)
})

test('an address to call from here', () => {
  assert.equal(formatAddress('127.0.0.1', 4000), 'http://127.0.0.1:4000')
  assert.equal(formatAddress('0.0.0.0', 4000), 'http://127.0.0.1:4000')
  assert.equal(formatAddress('::', 80), 'http://[::1]:80')
  assert.equal(formatAddress('::1', 80), 'http://[::1]:80')
})
