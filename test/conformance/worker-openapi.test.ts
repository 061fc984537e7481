/**
 * The OpenAPI document of a real worker before judges that are not ours: two validators, and a client that was
 * generated from it and calls every function of the example fleet.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import SwaggerParser from '@apidevtools/swagger-parser'
import { createClient } from '@hey-api/openapi-ts'
import { Validator } from '@seriousme/openapi-schema-validator'
import sharp from 'sharp'
import { KEYS, startWorker, type Worker } from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'

type Called = { data?: unknown; error?: unknown; response: Response }
type Call = (options: { client: unknown; body?: unknown; query?: object }) => Promise<Called>

describe('the OpenAPI document of a worker', () => {
  const scope = createScope()
  let worker: Worker
  let document: { paths: Record<string, Record<string, { operationId: string }>> }
  before(async () => {
    worker = await startWorker(scope)
    document = (await worker.request('/openapi')).body as typeof document
  })
  after(() => scope.end())

  test('is valid for @seriousme/openapi-schema-validator', async () => {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(structuredClone(document))
    assert.ok(valid, JSON.stringify(errors))
    assert.equal(validator.version, '3.1')
  })

  test('is valid for @apidevtools/swagger-parser, references included', async () => {
    await SwaggerParser.validate(structuredClone(document) as never)
  })

  test('makes a client that calls every function of the example fleet', async () => {
    const folder = await makeFolder(scope, 'client')
    const input = join(folder, 'openapi.json')
    await writeFile(input, JSON.stringify(document))
    await createClient({
      input,
      // Extensions in imports, so that the client runs as it is, without a build.
      output: { path: join(folder, 'client'), module: { extension: '.ts' } },
      logs: { level: 'silent' },
      plugins: ['@hey-api/client-fetch', '@hey-api/sdk', '@hey-api/typescript'],
    })
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const load = (name: string) => import(pathToFileURL(join(folder, 'client', name)).href)
    const sdk = (await load('sdk.gen.ts')) as Record<string, Call>
    const { createClient: makeClient } = await load('client/index.ts')
    const client = makeClient({ baseUrl: worker.url, auth: () => KEYS.worker })
    const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    const inputs: Record<string, unknown> = {
      hello: { name: 'Ada' },
      sleep: { ms: 1 },
      agent: { input: 'to be or not to be' },
      thumbnail: { image: image.toString('base64'), width: 4, format: 'png' },
      'word-count': { text: 'to be or not to be', top: 1 },
    }
    const { functions } = (await worker.request('/health')).body as { functions: { name: string }[] }
    const results: Record<string, unknown> = {}
    for (const { name } of functions) {
      const operation = document.paths[`/task/default/${name}`]?.post
      const call = sdk[operation?.operationId ?? ''] as Call
      assert.ok(call, `the client has no call for ${name}`)
      const { data, error, response } = await call({ client, body: inputs[name] ?? {} })
      assert.equal(response.status, 200, `${name}: ${JSON.stringify(error)}`)
      results[name] = (data as { result: unknown }).result
    }
    assert.deepEqual(results.hello, { message: 'Hello Ada!' })
    assert.deepEqual((results['word-count'] as { topWords: unknown }).topWords, [{ word: 'be', count: 2 }])
    assert.deepEqual((results.thumbnail as { width: number }).width, 4)

    const refused = await (sdk.runHello as Call)({ client, body: { name: randomBytes(1) } })
    assert.equal(refused.response.status, 422)
    assert.equal((refused.error as { code: string }).code, 'INVALID_INPUT')
    const health = await (sdk.getHealth as Call)({ client })
    assert.equal((health.data as { status: string }).status, 'ready')
    const task = await (sdk.runTask as Call)({ client, body: { function: 'hello' } })
    assert.deepEqual(task.data, { success: true, result: { message: 'Hello World!' } })
  })
})
