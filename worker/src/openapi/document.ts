/**
 * The OpenAPI 3.1 document of this worker: its addresses, and one operation a function with the function's real
 * schemas. Made once, when it is first asked for, by `pages.ts`.
 * Invariant: what the document calls required, the worker refuses without; references stay inside of it.
 */
import { BERTH_VERSION, MAX_PRIORITY } from '@berth/protocol'
import type { RegisteredFunction } from '../functions/registry.ts'
import type { WorkerParts } from '../parts.ts'
import { ADDRESSES, OWN_RESPONSES, OWN_SCHEMAS } from './addresses.ts'
import { ComponentSchemas, type SchemaRef } from './schemas.ts'

export type DocumentParts = Pick<WorkerParts, 'identity' | 'registry'>

export function describeWorker({ identity, registry }: DocumentParts): object {
  const schemas = new ComponentSchemas(OWN_SCHEMAS)
  const functions = registry.list()
  const taken = new Set<string>(Object.values(ADDRESSES).flatMap(operationIdsOf))
  const paths = Object.fromEntries(
    functions.map((fn) => {
      const path = `/task/${encodeURIComponent(identity.group)}/${encodeURIComponent(fn.name)}`
      return [path, { post: describeFunction(fn, schemas, operationIdFor(fn.name, taken)) }]
    }),
  )
  return {
    openapi: '3.1.1',
    info: {
      title: `Berth worker: ${identity.group}`,
      version: BERTH_VERSION,
      description: `Contract ${identity.contract} of the group "${identity.group}".`,
    },
    // Relative to where the document lies, so that it holds behind a path, too.
    servers: [{ url: './' }],
    security: [{ key: [] }],
    tags: [{ name: 'functions' }, { name: 'worker' }],
    paths: { ...paths, ...withTask(functions) },
    components: {
      schemas: schemas.schemas,
      responses: OWN_RESPONSES,
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'AUTH_KEY of the worker' },
      },
    },
  }
}

function describeFunction(fn: RegisteredFunction, schemas: ComponentSchemas, operationId: string): object {
  const { name, definition, interface: own } = fn
  const input = schemas.add(`${name}.input`, own.input)
  const output = own.output === undefined ? {} : schemas.add(`${name}.output`, own.output)
  return {
    operationId,
    tags: ['functions'],
    summary: name,
    ...(own.description === undefined ? {} : { description: own.description }),
    parameters: queryFor(own.supportsStreaming),
    requestBody: {
      required: Array.isArray(own.input.required) && own.input.required.length > 0,
      content: { 'application/json': { schema: input, ...examplesOf(definition.config?.examples) } },
    },
    responses: { 200: answerOf(output, own.supportsStreaming), ...OUTCOMES },
  }
}

const OUTCOMES = {
  202: { $ref: '#/components/responses/Accepted' },
  ...Object.fromEntries(
    [400, 401, 404, 413, 415, 422, 429, 500, 503, 504].map((status) => [
      status,
      { $ref: '#/components/responses/Problem' },
    ]),
  ),
}

function answerOf(output: SchemaRef | object, supportsStreaming: boolean): object {
  const schema = {
    type: 'object',
    properties: { success: { const: true }, result: output },
    required: ['success', 'result'],
  }
  const text = { schema: { type: 'string' } }
  return {
    description: 'The result',
    headers: { 'x-run-id': { schema: { type: 'string' } } },
    content: {
      'application/json': { schema },
      ...(supportsStreaming ? { 'text/plain': text, 'text/event-stream': text } : {}),
    },
  }
}

function queryFor(supportsStreaming: boolean): object[] {
  const modes = supportsStreaming ? ['sync', 'stream', 'webhook'] : ['sync', 'webhook']
  return [
    query('mode', { type: 'string', enum: modes, default: 'sync' }, 'How the result comes back'),
    query('priority', { type: 'integer', minimum: 1, maximum: MAX_PRIORITY }, '1 is served first'),
    query('contract', { type: 'integer', minimum: 1 }, 'Refused unless the worker serves it'),
    query('timeout', { type: 'integer', minimum: 1 }, 'Limit of one attempt in milliseconds'),
    query('deadline', { type: 'string', format: 'date-time' }, 'End of the whole task'),
  ]
}

function query(name: string, schema: object, description: string): object {
  return { name, in: 'query', required: false, description, schema }
}

function examplesOf(examples: readonly unknown[] = []): object {
  if (examples.length === 0) return {}
  return {
    examples: Object.fromEntries(examples.map((value, index) => [`example${index + 1}`, { value }])),
  }
}

/** `POST /task` names the functions that there are. */
function withTask(functions: readonly RegisteredFunction[]): object {
  const names = functions.map(({ name }) => name)
  const task = structuredClone(ADDRESSES) as Record<string, { post?: { requestBody?: unknown } }>
  const named = names.length === 0 ? { type: 'string' } : { type: 'string', enum: names }
  const post = task['/task']?.post
  if (post)
    post.requestBody = {
      required: true,
      content: {
        'application/json': {
          schema: {
            allOf: [
              { $ref: '#/components/schemas/Task' },
              { type: 'object', properties: { function: named } },
            ],
          },
        },
      },
    }
  return task
}

function operationIdsOf(address: object): string[] {
  return Object.values(address).flatMap(({ operationId }: { operationId?: string }) =>
    operationId === undefined ? [] : [operationId.toLowerCase()],
  )
}

/** Generators make a name of it in any language, where `images.resize` and `images-resize` are the same. */
function operationIdFor(name: string, taken: Set<string>): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const plain = `run${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}`
  let id = plain
  for (let count = 2; taken.has(id.toLowerCase()); count++) id = `${plain}N${count}`
  taken.add(id.toLowerCase())
  return id
}
