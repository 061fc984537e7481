/** What the shortcut reads itself, Node's parser reads in the very same way; what is unusual it leaves alone. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { readShortcutHead } from './shortcut-head.ts'

const PLAIN = [
  'POST /task HTTP/1.1',
  'Host: berth.test:4000',
  'Content-Type: application/json',
  'Authorization: Bearer key',
  'Content-Length: 20',
]

function headOf(lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

test('a plain head says its key, its length and what the task needs of it', () => {
  const text = headOf([...PLAIN, 'User-Agent: test', 'Connection: Keep-Alive', 'traceparent: 00-a-b-01'])
  assert.deepEqual(readShortcutHead(text), {
    headBytes: text.length,
    bodyBytes: 20,
    authorization: 'Bearer key',
    task: {
      contentType: 'application/json',
      contentEncoding: undefined,
      prefer: undefined,
      idempotencyKey: undefined,
      traceparent: '00-a-b-01',
      host: 'berth.test:4000',
      forwardedProto: undefined,
      wantsEvents: false,
    },
    target: undefined,
  })
})

test('an address may name the function, where it needs no escapes', () => {
  const target = (path: string) =>
    readShortcutHead(headOf([`POST ${path} HTTP/1.1`, ...PLAIN.slice(1)]))?.target
  assert.deepEqual(target('/task/default/word-count'), {
    group: 'default',
    function: 'word-count',
    query: '',
  })
  const others = [
    '/task/a',
    '/task/a/',
    '/task//b',
    '/task/a/b/c',
    '/task/a/b?c',
    '/task/a/b#c',
    '/task/a%2fb/c',
    '/task/../b',
    '/task/a/.',
    '/tasks',
  ]
  for (const path of others) assert.equal(target(path), undefined, path)
})

const without = (name: string) => PLAIN.filter((line) => !line.startsWith(name))
const UNUSUAL: Record<string, string> = {
  'another method': headOf(['GET /task HTTP/1.1', ...PLAIN.slice(1)]),
  'another address': headOf(['POST /task?a HTTP/1.1', ...PLAIN.slice(1)]),
  'a whole address': headOf(['POST http://a/task HTTP/1.1', ...PLAIN.slice(1)]),
  'another version': headOf(['POST /task HTTP/1.0', ...PLAIN.slice(1)]),
  'no host': headOf(without('Host')),
  'no key': headOf(without('Authorization')),
  'no length': headOf(without('Content-Length')),
  'an empty body': headOf([...without('Content-Length'), 'Content-Length: 0']),
  'a length with a sign': headOf([...without('Content-Length'), 'Content-Length: +20']),
  'a length in another notation': headOf([...without('Content-Length'), 'Content-Length: 0x14']),
  'a length with a zero before': headOf([...without('Content-Length'), 'Content-Length: 020']),
  'two lengths': headOf([...PLAIN, 'Content-Length: 20']),
  'two lengths in one': headOf([...without('Content-Length'), 'Content-Length: 20, 20']),
  'two hosts': headOf([...PLAIN, 'host: b']),
  'two keys': headOf([...PLAIN, 'authorization: b']),
  chunks: headOf([...PLAIN, 'Transfer-Encoding: chunked']),
  'an expectation': headOf([...PLAIN, 'Expect: 100-continue']),
  'an upgrade': headOf([...PLAIN, 'Connection: Upgrade', 'Upgrade: websocket']),
  'the last request': headOf([...PLAIN, 'Connection: close']),
  'an encoded body': headOf([...PLAIN, 'Content-Encoding: gzip']),
  'an idempotency key': headOf([...PLAIN, 'Idempotency-Key: a']),
  'a preference': headOf([...PLAIN, 'Prefer: respond-async']),
  'a cookie': headOf([...PLAIN, 'Cookie: a=b']),
  'an origin': headOf([...PLAIN, 'Origin: http://a']),
  events: headOf([...PLAIN, 'Accept: Text/Event-Stream']),
  'a header that nobody knows': headOf([...PLAIN, 'X-Later: 1']),
  'a space before the colon': headOf([...PLAIN, 'Accept : */*']),
  'a tab before the value': headOf([...PLAIN, 'Accept:\t*/*']),
  'two spaces before the value': headOf([...PLAIN, 'Accept:  */*']),
  'a space behind the value': headOf([...PLAIN, 'Accept: */* ']),
  'a folded line': headOf([...PLAIN, 'Accept: a,', ' b']),
  'a line without a colon': headOf([...PLAIN, 'Accept']),
  'a name of none': headOf([...PLAIN, ': a']),
  'a zero in a value': headOf([...PLAIN, 'Accept: a\0b']),
  'a bare line feed in a value': headOf([...PLAIN, 'Accept: a\nHost: b']),
  'a bare carriage return in a value': headOf([...PLAIN, 'Accept: a\rHost: b']),
  'more than ASCII': headOf([...PLAIN, 'User-Agent: \u00e9']),
  'line feeds alone': `${PLAIN.join('\n')}\n\n`,
  'an empty line first': `\r\n${headOf(PLAIN)}`,
  'something behind it': `${headOf(PLAIN)}x`,
  'no end': `${PLAIN.join('\r\n')}\r\n`,
}
for (const [what, text] of Object.entries(UNUSUAL))
  test(`${what} is left to Node`, () => assert.equal(readShortcutHead(text), undefined))

/** Deterministic: equal seeds give equal heads. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) % below
  }
}

const INSERTED = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  ':',
  ',',
  '\0',
  'x',
  '0',
  '-',
  '_',
  '\x7f',
  '\u00ff',
  '\r\n ',
  '\r\n\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
]
const EXTRA = [
  'Accept: */*',
  'ACCEPT-encoding: gzip, deflate',
  'user-agent:curl/8',
  'Via: 1.1 a',
  'Priority: u=3',
]

/** A plain head with some of the extra lines in any order, and mostly with a fault somewhere. */
function makeHead(random: (below: number) => number): string {
  const lines = [...PLAIN.slice(1), ...EXTRA.slice(random(EXTRA.length))]
  for (let i = lines.length - 1; i > 0; i--) {
    const j = random(i + 1)
    const [a = '', b = ''] = [lines[i], lines[j]]
    lines[i] = b
    lines[j] = a
  }
  const first = random(3) === 0 ? 'POST /task/a.b/c-d HTTP/1.1' : 'POST /task HTTP/1.1'
  let text = headOf([first, ...lines])
  for (let faults = random(3); faults > 0; faults--) {
    const at = random(text.length)
    text = text.slice(0, at) + (INSERTED[random(INSERTED.length)] ?? '') + text.slice(at + random(3))
  }
  return text
}

test('whatever is read here, one behind the other, Node reads as the same requests', async (t) => {
  const random = createRandom(4711)
  const taken: { text: string; url: string; authorization: string; body: string }[] = []
  let left = 0
  for (let i = 0; i < 40_000; i++) {
    const text = makeHead(random)
    const head = readShortcutHead(text)
    if (head === undefined) left++
    else
      taken.push({
        text,
        url: head.target ? `/task/${head.target.group}/${head.target.function}` : '/task',
        authorization: head.authorization,
        body: `${i}`.padEnd(head.bodyBytes, '.').slice(0, head.bodyBytes),
      })
  }
  const sent = taken.filter(({ body }) => body.length < 1000)
  assert.ok(sent.length > 5_000 && left > 5_000, `${sent.length} were read, ${left} were left`)

  const seen: { url: string | undefined; authorization: string | undefined; body: string }[] = []
  const server = createServer({ maxHeaderSize: 16 * 1024 }, (request, response) => {
    let body = ''
    request.on('data', (piece) => {
      body += piece
    })
    request.on('end', () => {
      assert.deepEqual([request.method, request.httpVersion], ['POST', '1.1'])
      seen.push({ url: request.url, authorization: request.headers.authorization, body })
      response.end()
      if (seen.length === sent.length) done.resolve()
    })
  })
  const done = Promise.withResolvers<void>()
  server.on('clientError', (error) => done.reject(error))
  server.listen(0, '127.0.0.1')
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume()
  for (const { text, body } of sent) socket.write(text + body, 'latin1')
  await done.promise
  assert.deepEqual(
    seen,
    sent.map(({ url, authorization, body }) => ({ url, authorization, body })),
  )
})
