/** The screen says what works as pasted, and shows no key. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { formatScreen, quoteForShell, type ScreenFacts } from './screen.ts'

const facts: ScreenFacts = {
  address: 'http://127.0.0.1:4000',
  token: 't0ken',
  isDashboardEnabled: true,
  workerPorts: [3001, 3002],
  headerFile: "/home/o'neil/my berth/.berth/curl.headers",
  example: { function: 'hello', group: 'default', input: { name: "O'Neil" } },
  keySource: '/data/keys.json',
  workersFile: '/data/workers.json',
  functionsFolder: 'my-fleet/functions',
}

test('the curl line is one shell command, whatever the folder is called', () => {
  const line =
    formatScreen(facts)
      .split('\n')
      .find((text) => text.includes('curl')) ?? ''
  const command = line.slice(line.indexOf('curl')).replace(/^curl/, `printf '%s\\n'`)
  const words = execFileSync('sh', ['-c', command], { encoding: 'utf8' }).trimEnd().split('\n')
  assert.deepEqual(words, [
    '-s',
    'http://127.0.0.1:4000/task',
    '-H',
    `@${facts.headerFile}`,
    '-d',
    '{"function":"hello","input":{"name":"O\'Neil"}}',
  ])
})

test('the dashboard stands there with its token, without one, or not at all', () => {
  assert.match(formatScreen(facts), /http:\/\/127\.0\.0\.1:4000\/dashboard#token=t0ken\n/)
  assert.match(formatScreen({ ...facts, token: undefined }), /\/dashboard \(sign in with the key\)/)
  assert.doesNotMatch(formatScreen({ ...facts, isDashboardEnabled: false }), /dashboard/i)
})

test('a fleet without workers or functions is told as it is', () => {
  const screen = formatScreen({ ...facts, workerPorts: [], example: undefined })
  assert.match(screen, /with no worker of its own/)
  assert.doesNotMatch(screen, /curl/)
  const grouped = { function: 'f', group: 'images', input: {} }
  assert.match(formatScreen({ ...facts, example: grouped }), /"group":"images"/)
})

test('what comes next names the folder of this fleet', () => {
  assert.match(formatScreen(facts), /Next +put a function of your own into my-fleet\/functions,/)
  assert.match(formatScreen({ ...facts, functionsFolder: undefined }), /into the folder of a worker,/)
})

test('plain words are not quoted', () => {
  assert.equal(quoteForShell('@/data/x.headers'), '@/data/x.headers')
  assert.equal(quoteForShell('a b'), "'a b'")
  assert.equal(quoteForShell(''), "''")
})
