import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { readAssets } from './dashboard-assets.ts'
import { codeOf, makeBench } from './test-bench.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-assets-'))
after(() => rmSync(folder, { recursive: true }))
const dist = join(folder, 'dist')
mkdirSync(join(dist, 'assets'), { recursive: true })
writeFileSync(join(folder, 'secret.json'), '{"secret":1}')
writeFileSync(join(dist, 'index.html'), '<!doctype html><title>Berth</title>')
writeFileSync(join(dist, 'favicon.svg'), '<svg/>')
writeFileSync(join(dist, 'assets', 'index-Ck3xY2aB.js'), 'start()')
symlinkSync(join(folder, 'secret.json'), join(dist, 'assets', 'link-Ck3xY2aB.json'))
symlinkSync(folder, join(dist, 'up'))

const dashboard = readAssets(dist)

describe('GET /dashboard', () => {
  const bench = makeBench({ dashboard })

  it('answers the page for every address that is no file', async () => {
    for (const path of [
      '',
      '/',
      '/workers',
      '/workers/127.0.0.1%3A3001%2Fpath',
      '/workers/gpu.berlin',
      '/functions/default/images.resize',
      '/functions/default/report.json',
      '/workers/gpu.js',
      '/index.html',
    ]) {
      const answer = await bench.ask(`/dashboard${path}`)
      assert.equal(answer.status, 200, path)
      assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8')
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      assert.match(await answer.text(), /<title>Berth/)
    }
  })

  it('answers files as what they are, those with a hash for good', async () => {
    const script = await bench.ask('/dashboard/assets/index-Ck3xY2aB.js')
    assert.equal(script.headers.get('content-type'), 'text/javascript; charset=utf-8')
    assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.equal(await script.text(), 'start()')
    const icon = await bench.ask('/dashboard/favicon.svg')
    assert.equal(icon.headers.get('content-type'), 'image/svg+xml')
    assert.equal(icon.headers.get('cache-control'), 'no-cache')
    assert.equal(icon.headers.get('x-content-type-options'), 'nosniff')
  })

  it('never leaves the map', async () => {
    for (const path of [
      '/assets/gone-Ck3xY2aB.js',
      '/assets/link-Ck3xY2aB.json',
      '/assets/',
      '/up/secret.json',
      '/..%2fsecret.json',
      '/..%2f..%2f..%2fetc%2fpasswd',
      '/%2e%2e%2fsecret.json',
      '/..%5csecret',
      '/assets/..%2f..%2fsecret',
      '/a%00b',
      '/%ff',
      '/__proto__.js',
    ]) {
      const answer = await bench.ask(`/dashboard${path}`)
      assert.equal(answer.status, 404, path)
      assert.equal(await codeOf(answer), 'NOT_FOUND')
    }
  })

  it('redirects the root, and only there', async () => {
    const answer = await bench.ask('/?next=//evil.test')
    assert.equal(answer.status, 302)
    assert.equal(answer.headers.get('location'), '/dashboard')
  })

  it('names the command when it is not built', async () => {
    assert.equal(readAssets(join(folder, 'nothing')), undefined)
    assert.equal(readAssets(join(dist, 'assets')), undefined)
    const answer = await makeBench().ask('/dashboard/workers')
    assert.equal(answer.status, 200)
    assert.match(await answer.text(), /npx -y pnpm@12 build/)
  })

  it('is not there when it is switched off', async () => {
    const off = makeBench({ dashboard: 'off' })
    for (const path of ['/', '/dashboard', '/dashboard/workers'])
      assert.equal((await off.ask(path)).status, 404, path)
  })
})
