/** `POST /task/{group}/{function}` over real sockets, by the hot route and by the router. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { wholeOf } from '@berth/runtime'
import { complete, LIMIT, serve, WAYS } from './task-bench.ts'
import { fromPage, KEY } from './test-bench.ts'

const PNG = { 'content-type': 'image/PNG; name="A b"' }
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

for (const way of WAYS)
  describe(`bytes by the ${way} route`, () => {
    async function begin(t: Parameters<typeof serve>[0]) {
      const bench = await serve(t, way)
      const send = async (path: string, body?: string | Uint8Array<ArrayBuffer>, headers = {}) => {
        const init = { method: 'POST', headers: { authorization: KEY, ...headers }, body: body ?? null }
        const answer = await fetch(`${bench.url}${path}`, init)
        const bytes = Buffer.from(await answer.arrayBuffer())
        return { status: answer.status, headers: answer.headers, bytes, text: String(bytes) }
      }
      const refusal = async (...call: Parameters<typeof send>) => {
        const { status, text } = await send(...call)
        assert.equal(bench.core.submissions.length, 0, 'a refused call reaches nobody')
        const { code, detail, errors } = JSON.parse(text)
        return { status, code, detail, pointer: errors?.[0]?.pointer }
      }
      return { ...bench, send, refusal }
    }

    test('a body of any type goes on as it is, under the type that the caller wrote', async (t) => {
      const { core, send } = await begin(t)
      const sent = randomBytes(50_000)
      assert.equal((await send('/task/g/images.resize', sent, PNG)).status, 200)
      const [submission] = core.submissions
      assert.deepEqual([submission?.group, submission?.function], ['g', 'images.resize'])
      const { bytes, mediaType, isEnvelope, head } = submission?.payload ?? assert.fail()
      assert.ok(sent.equals(wholeOf(bytes)))
      assert.deepEqual([mediaType, isEnvelope, head], [PNG['content-type'], false, undefined])
    })

    test('JSON is the input and is not opened; nothing at all is an empty input', async (t) => {
      const { core, send } = await begin(t)
      for (const type of [JSON_TYPE, { 'content-type': 'application/x-www-form-urlencoded' }]) {
        await send('/task/g/f', '{"a": not even JSON', type)
        const { bytes, mediaType, isEnvelope } = core.submissions.at(-1)?.payload ?? assert.fail()
        assert.deepEqual([String(bytes), mediaType, isEnvelope], ['{"a": not even JSON', '', false])
      }
      await send('/task/g/f')
      assert.equal(String(core.submissions.at(-1)?.payload.bytes), '{}')
      await send('/task/g/f?input={"a":1}')
      assert.equal(String(core.submissions.at(-1)?.payload.bytes), '{"a":1}')
      assert.equal(core.submissions.at(-1)?.payload.mediaType, '')
    })

    test('input beside bytes goes before them in an envelope', async (t) => {
      const { core, send } = await begin(t)
      await send('/task/g/f?input=%7B%22w%22:2%7D', 'xyz', PNG)
      const { bytes, head, isEnvelope } = core.submissions[0]?.payload ?? assert.fail()
      assert.equal(isEnvelope, true)
      const envelope = Buffer.from(head ?? [])
      assert.equal(envelope.readUInt32BE(), envelope.length - 4)
      assert.deepEqual(JSON.parse(String(envelope.subarray(4))), { input: { w: 2 } })
      assert.equal(String(bytes), 'xyz')
    })

    test('the query says the rest', async (t) => {
      const { core, send } = await begin(t)
      const query = 'contract=2&priority=5&tags=gpu:h200&attempts=3&idempotent=false&timeout=99&fairnessKey=k'
      await send(`/task/g/a%2Db?${query}`, 'x', PNG)
      const {
        onSettled: _,
        onItem: __,
        run: ___,
        payload: ____,
        selector,
        ...rest
      } = core.submissions[0] ?? {}
      assert.deepEqual(selector?.tagKeys, ['gpu'])
      assert.deepEqual(rest, {
        group: 'g',
        function: 'a-b',
        contract: 2,
        priority: 5,
        fairnessKey: 'k',
        mode: 'sync',
        isDurable: false,
        attempts: 3,
        idempotent: false,
        timeoutMs: 99,
        deadlineAt: 300_000,
        queueUntilAt: 60_000,
        trace: '',
        metadata: undefined,
        budget: undefined,
        meter: undefined,
        workerKey: undefined,
        trigger: undefined,
        onFile: undefined,
      })
    })

    test('what is wrong is refused before anything starts', async (t) => {
      const { refusal, core } = await begin(t)
      const cases: [string, RegExp][] = [
        ['/task/g/f?nope=1', /^The query parameter "nope" is not known here\.$/],
        ['/task/g/f?priority=0', /^The query parameter "priority" is wrong: /],
        ['/task/g/f?priority=1&priority=2', /"priority" comes twice/],
        ['/task/g/f?function=g', /"function" comes twice/],
        ['/task/g/f?input=[]', /^The query parameter "input" is wrong: /],
        ['/task/g/f?tags=zone', /"tags" must be tags=key:value/],
        ['/task/g/f?metadata={"a/b":1}', /^The query parameter "metadata" is wrong at "a\/b": /],
        [`/task/g/f?input=${'['.repeat(200)}${']'.repeat(200)}`, /"input" must be JSON/],
        ['/task/g/f?mode=webhook', /^The query parameter "webhook" is wrong: is required/],
        [
          '/task/g/f?mode=async&webhook=https://forbidden.example',
          /"webhook" is wrong at "url": the webhook may/,
        ],
        ['/task/g/f?budget=endless', /^The query parameter "budget" is wrong: must be one of/],
        [
          '/task/g/f?session=s&mode=stream',
          /^The query parameter "session" is wrong: contradicts mode stream/,
        ],
        ['/task/g/f%20f', /^The function in the address is wrong: /],
        ['/task/%2e%2e%2f/f', /^The group in the address is wrong: /],
      ]
      for (const [path, why] of cases) {
        const refused = await refusal(path, 'x', PNG)
        assert.deepEqual(
          [refused.status, refused.code, refused.pointer],
          [400, 'INVALID_REQUEST', undefined],
          path,
        )
        assert.match(refused.detail ?? '', why)
      }
      assert.equal((await refusal('/task/g/f/more', 'x', PNG)).status, 404)
      const twice = await refusal('/task/g/f?input={}', '{}', JSON_TYPE)
      assert.deepEqual(
        [twice.status, twice.detail],
        [400, 'The input comes twice: as the body and in the query.'],
      )
      for (const type of ['image', 'a b/c', `image/${'x'.repeat(255)}`])
        assert.equal((await refusal('/task/g/f', 'x', { 'content-type': type })).status, 415, type)
      assert.equal((await refusal('/task/g/f', 'x', { ...PNG, 'content-encoding': 'gzip' })).status, 415)
      assert.equal((await refusal('/task/g/f', 'x', { ...PNG, 'idempotency-key': '\u00e9' })).status, 400)
      assert.equal((await refusal('/task/g/f', 'x', { ...PNG, prefer: 'wait=x' })).status, 400)
      assert.equal((await refusal('/task/g/f', new Uint8Array(LIMIT + 1), PNG)).status, 413)
      assert.equal((await refusal('/task/g/f', 'x', { ...PNG, authorization: 'no' })).status, 401)
      assert.deepEqual(core.cancelled, [])
    })

    test('multipart is bytes here, and refused with a way out at /task', async (t) => {
      const { core, send } = await begin(t)
      const type = { 'content-type': 'multipart/form-data; boundary=Xy' }
      assert.equal((await send('/task/g/f', '--Xy--', type)).status, 200)
      assert.equal(core.submissions[0]?.payload.mediaType, type['content-type'])
      const refused = await send('/task', '--Xy--', type)
      assert.equal(refused.status, 415)
      assert.match(refused.text, /POST \/task\/\{group\}\/\{function\}/)
    })

    test('bytes as a result are the body, under their own type; JSON stays JSON', async (t) => {
      const { core, send } = await begin(t)
      for (const size of [0, 1, 40_000, 1_000_000]) {
        const made = randomBytes(size)
        core.plan = () => complete(made, 'image/webp')
        const answer = await send('/task/g/f', '{}', JSON_TYPE)
        assert.equal(answer.headers.get('content-type'), 'image/webp')
        assert.equal(answer.headers.get('content-length'), String(size))
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
        assert.equal(answer.headers.get('x-worker'), 'w1')
        assert.ok(answer.bytes.equals(made), `${size}`)
      }
      core.plan = () => complete(`"${'é'.repeat(100_000)}"`)
      const answer = await send('/task/g/f', '{}', JSON_TYPE)
      assert.deepEqual(JSON.parse(answer.text), { success: true, result: 'é'.repeat(100_000) })
    })

    test('a session with anything but JSON is 415', async (t) => {
      const { url, signIn } = await begin(t)
      const page = fromPage(signIn(), 'POST', {})
      const own = { ...page.headers, origin: url }
      const ask = (type: string) =>
        fetch(`${url}/task/g/f`, { method: 'POST', headers: { ...own, 'content-type': type }, body: '{}' })
      assert.equal((await ask('application/json')).status, 200)
      assert.equal((await ask('image/png')).status, 415)
      assert.equal((await ask('application/x-www-form-urlencoded')).status, 415)
    })
  })
