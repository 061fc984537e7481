/** One balancer per DATA_DIR, told by a second process. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lockDataDir } from './lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-lock-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('a second balancer is told pid and start time; a dead one does not hold the folder', async () => {
  const dataDir = join(folder, 'data')
  const script = `import { lockDataDir } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
    console.log(lockDataDir(${JSON.stringify(dataDir)}).ok)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  assert.equal(String(said).trim(), 'true')
  assert.equal(statSync(dataDir).mode & 0o777, 0o700)
  const refused = lockDataDir(dataDir)
  assert.ok(!refused.ok)
  assert.match(
    refused.detail,
    new RegExp(`in use by another balancer \\(pid ${child.pid}, started \\d{4}-.*Z\\)`),
  )
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = lockDataDir(dataDir)
  assert.ok(lock.ok)
  lock.release()
  const again = lockDataDir(dataDir)
  assert.ok(again.ok)
  again.release()
})

test('a folder that cannot be made is named', () => {
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  const refused = lockDataDir(join(file, 'data'))
  assert.ok(!refused.ok)
  assert.match(refused.detail, /a-file\/data cannot be used/)
})
