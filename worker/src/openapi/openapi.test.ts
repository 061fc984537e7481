/** The document of a worker and its pages, on a real server. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { makeParts } from '../fixtures/test-parts.ts'
import { TEST_KEYS } from '../fixtures/test-worker.ts'
import { defineFunction, type FunctionDefinition } from '../functions/define.ts'
import { createHttp } from '../http/http.ts'
import { describeWorker } from './document.ts'
import { ComponentSchemas } from './schemas.ts'

interface Operation {
  operationId: string
  summary?: string
  description?: string
  parameters: { name: string; schema: { enum?: string[] } }[]
  requestBody: { required: boolean; content: Record<string, { schema: object; examples?: object }> }
  responses: Record<string, { content: Record<string, { schema: { properties: { result: object } } }> }>
}

interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

const describeAll = (functions: Record<string, FunctionDefinition>) =>
  JSON.parse(JSON.stringify(describeWorker(makeParts({ functions })))) as Document

describe('the OpenAPI document', () => {
  it('has an operation a function, with its own schemas, words and examples', () => {
    const { paths, components } = describeAll({
      'images.resize': defineFunction({
        input: z.object({ width: z.int().min(1), name: z.string().optional() }),
        output: z.object({ ok: z.boolean() }),
        config: { description: 'Makes it smaller', examples: [{ width: 3 }], supportsStreaming: true },
        handler: () => ({ ok: true }),
      }),
      short: defineFunction({ params: { a: { type: 'string', default: 'x' } }, handler: () => null }),
    })
    const resize = paths['/task/default/images.resize']?.post
    assert.ok(resize)
    assert.deepEqual([resize.operationId, resize.description], ['runImagesResize', 'Makes it smaller'])
    assert.equal(resize.requestBody.required, true)
    assert.deepEqual(resize.requestBody.content['application/json'], {
      schema: { $ref: '#/components/schemas/images.resize.input' },
      examples: { example1: { value: { width: 3 } } },
    })
    assert.deepEqual(components.schemas['images.resize.input'], {
      type: 'object',
      properties: {
        width: { type: 'integer', minimum: 1, maximum: 9007199254740991 },
        name: { type: 'string' },
      },
      required: ['width'],
      additionalProperties: false,
    })
    assert.deepEqual(resize.responses[200]?.content['application/json']?.schema.properties.result, {
      $ref: '#/components/schemas/images.resize.output',
    })
    assert.deepEqual(resize.parameters.find(({ name }) => name === 'mode')?.schema.enum, [
      'sync',
      'stream',
      'webhook',
    ])
    const short = paths['/task/default/short']?.post
    assert.equal(short?.requestBody.required, false, 'every parameter has a default')
    assert.deepEqual(Object.keys(short?.responses[200]?.content ?? {}), ['application/json'])
    assert.deepEqual(short?.responses[200]?.content['application/json']?.schema.properties.result, {})
    for (const address of ['/task', '/health', '/logs', '/on', '/off', '/metrics'])
      assert.ok(paths[address], address)
  })

  it('gives every operation a name of its own, whatever a generator makes of it', () => {
    const definition = defineFunction({ handler: () => null })
    const names = ['a.b', 'a-b', 'a_b', 'A.B', 'task', '9']
    const { paths } = describeAll(Object.fromEntries(names.map((name) => [name, definition])))
    const ids = Object.values(paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    )
    assert.equal(new Set(ids.map((id) => id.toLowerCase())).size, names.length + 6)
    assert.ok(ids.every((id) => /^[A-Za-z0-9]+$/.test(id)))
  })

  it('moves references with their schema', () => {
    const tree = z.object({
      name: z.string(),
      get children() {
        return z.array(tree)
      },
    })
    const address = z.object({ city: z.string() }).meta({ id: 'an address/of ~' })
    const { components } = describeAll({
      walk: defineFunction({ input: tree, handler: () => null }),
      send: defineFunction({ input: z.object({ from: address, to: address }), handler: () => null }),
    })
    const text = JSON.stringify(components)
    for (const [, ref] of text.matchAll(/"\$ref":"([^"]+)"/g)) {
      const name = /^#\/components\/(?:schemas|responses)\/([A-Za-z0-9._-]+)$/.exec(ref ?? '')?.[1] ?? ''
      assert.ok(
        Object.hasOwn({ ...components.schemas, Problem: 1, Accepted: 1 }, name),
        `${ref} leads nowhere`,
      )
    }
    assert.match(
      text,
      /"children":\{"type":"array","items":\{"\$ref":"#\/components\/schemas\/walk\.input"\}\}/,
    )
    assert.doesNotMatch(text, /\$defs|"\$id"/)
  })

  it('leaves data alone that looks like a reference, and keeps names apart', () => {
    const components = new ComponentSchemas({ taken: {} })
    const schema = {
      type: 'object',
      properties: { $ref: { type: 'string', default: '#/x' }, deep: { $ref: '#/properties/$ref' } },
      default: { $ref: '#/x' },
      enum: [{ $ref: '#' }],
      $defs: { b: { not: { $ref: '#/$defs/b' } } },
    }
    assert.deepEqual(components.add('taken', schema), { $ref: '#/components/schemas/taken_2' })
    assert.deepEqual(components.schemas.taken_2, {
      type: 'object',
      properties: {
        $ref: { type: 'string', default: '#/x' },
        deep: { $ref: '#/components/schemas/taken_2/properties/$ref' },
      },
      default: { $ref: '#/x' },
      enum: [{ $ref: '#' }],
    })
    assert.deepEqual(components.schemas['taken.b'], { not: { $ref: '#/components/schemas/taken.b' } })
    assert.deepEqual(components.add('taken.b', {}), { $ref: '#/components/schemas/taken.b_2' })
  })
})

describe('the pages', () => {
  const app = (options: { isOpen?: boolean; isEnabled?: boolean } = {}) => {
    const parts = makeParts({ functions: { f: defineFunction({ handler: () => 1 }) } })
    return createHttp(parts, TEST_KEYS, { isOpen: true, isEnabled: true, ...options })
  }
  const get = async (from: ReturnType<typeof app>, path: string, authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization }
    const incoming = { headers, rawHeaders: [] }
    return from.fetch(new Request(`http://worker${path}`, { headers }), { incoming } as never)
  }
  const basic = (password: string) => `Basic ${Buffer.from(`anyone:${password}`).toString('base64')}`
  const ALL = ['/openapi', '/docs', '/docs/swagger-ui-bundle.js']

  it('are open on loopback, and behind the key elsewhere', async () => {
    for (const path of ALL) {
      assert.equal((await get(app(), path)).status, 200, path)
      const closed = app({ isOpen: false })
      const refused = await get(closed, path)
      assert.equal(refused.status, 401, path)
      assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic realm=/)
      const { authKey, fleetKey } = TEST_KEYS
      for (const right of [authKey, `Bearer ${authKey}`, basic(authKey)])
        assert.equal((await get(closed, path, right)).status, 200, `${path} ${right}`)
      for (const wrong of ['x', basic('x'), basic(''), basic(fleetKey), 'Basic !', `Basic ${authKey}`])
        assert.equal((await get(closed, path, wrong)).status, 401, `${path} ${wrong}`)
    }
  })

  it('are gone with OPENAPI_ENABLED=false', async () => {
    for (const path of ALL) {
      assert.equal((await get(app({ isEnabled: false }), path)).status, 404, path)
      const closed = app({ isEnabled: false, isOpen: false })
      assert.equal((await get(closed, path)).status, 401, path)
      assert.equal((await get(closed, path, TEST_KEYS.authKey)).status, 404, path)
    }
  })

  it('run no script but their own, and serve no other file', async () => {
    const page = await get(app(), '/docs')
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.doesNotMatch(policy, /unsafe|https?:|\*/)
    const html = await page.text()
    assert.doesNotMatch(html, /<script>|<script [^>]*>[^<]|style=| on\w+=|https?:/)
    for (const [, path = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const asset = await get(app(), `/${path}`)
      assert.equal(asset.status, 200, path)
      assert.equal(asset.headers.get('x-content-type-options'), 'nosniff')
      assert.ok((await asset.text()).length > 50)
    }
    for (const path of ['package.json', '..%2fpackage.json', 'swagger-ui.js.map', 'toString'])
      assert.equal((await get(app(), `/docs/${path}`)).status, 404, path)
  })

  it('show the log by level and by run', async () => {
    const parts = makeParts()
    const server = createHttp(parts, TEST_KEYS, { isOpen: true, isEnabled: true })
    parts.log.debug('a', { run: 'r_1' })
    parts.log.warn('b', { run: 'r_1' })
    parts.log.error('c', { run: 'r_2' })
    const read = async (query: string) => {
      const answer = await get(server, `/logs${query}`, TEST_KEYS.authKey)
      const { logs } = (await answer.json()) as { logs?: string[] }
      return logs?.map((line) => JSON.parse(line).text).join('') ?? answer.status
    }
    const shown = await Promise.all(
      ['', '?level=debug', '?level=warn', '?run=r_1', '?run=r_1&level=warn'].map(read),
    )
    assert.deepEqual(shown, ['abc', 'abc', 'bc', 'ab', 'b'])
    assert.equal(await read('?level=loud'), 400)
    assert.equal(await read('?run=r_3'), '')
  })

  it('count what happens, for Prometheus', async () => {
    const parts = makeParts({ slots: 4 })
    const { metrics } = parts
    metrics.noteFinished('f', 'completed', 4)
    metrics.noteFinished('f', 'completed', 700)
    metrics.noteFinished('f', 'failed', 9e9)
    parts.log.follow(metrics.noteLine)
    parts.log.warn('x')
    const server = createHttp(parts, TEST_KEYS, { isOpen: true, isEnabled: true })
    assert.equal((await get(server, '/metrics')).status, 401)
    const answer = await get(server, '/metrics', TEST_KEYS.authKey)
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    const lines = (await answer.text()).split('\n')
    for (const line of [
      'berth_tasks_finished_total{group="default",function="f",outcome="completed"} 2',
      'berth_tasks_finished_total{group="default",function="f",outcome="failed"} 1',
      'berth_slots{group="default",contract="1",state="free"} 4',
      'berth_task_run_seconds_bucket{group="default",function="f",le="0.005"} 1',
      'berth_task_run_seconds_bucket{group="default",function="f",le="0.5"} 1',
      'berth_task_run_seconds_bucket{group="default",function="f",le="1"} 2',
      'berth_task_run_seconds_bucket{group="default",function="f",le="+Inf"} 3',
      'berth_task_run_seconds_count{group="default",function="f"} 3',
      'berth_log_lines_total{level="warn"} 1',
      'berth_tasks_waiting{group="default"} 0',
    ])
      assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`)
    assert.ok(lines.every((line) => line === '' || /^#|^berth_\w+(?:\{.*\})? [-+.e\d]+$/.test(line)))
  })
})
