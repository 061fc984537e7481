/**
 * The worker's addresses and their answers as OpenAPI 3.1, as far as they do not depend on its functions.
 * Plain data, read by `document.ts`; `http.ts` serves what is written here.
 */
import { LIMITS, MAX_PRIORITY, NAME_PATTERN } from '@berth/protocol'

const problem = { $ref: '#/components/responses/Problem' }
const name = { type: 'string', pattern: NAME_PATTERN.source, maxLength: 128 }
const text = { type: 'string' }
const count = { type: 'integer', minimum: 0 }

const json = (description: string, schema: object) => ({
  description,
  content: { 'application/json': { schema } },
})

const errors = (...statuses: number[]) => Object.fromEntries(statuses.map((status) => [status, problem]))

export const OWN_SCHEMAS = {
  Problem: {
    type: 'object',
    description: 'RFC 9457, and the same in the words of older clients.',
    properties: {
      type: text,
      title: text,
      status: { type: 'integer' },
      detail: text,
      code: text,
      success: { const: false },
      error: text,
      errors: {
        type: 'array',
        items: {
          type: 'object',
          properties: { pointer: text, detail: text },
          required: ['pointer', 'detail'],
        },
      },
    },
    required: ['type', 'title', 'status', 'detail', 'code', 'success', 'error'],
  },
  Accepted: {
    type: 'object',
    properties: { success: { const: true }, runId: text, message: text },
    required: ['success', 'runId', 'message'],
  },
  Task: {
    type: 'object',
    properties: {
      function: name,
      group: name,
      contract: { type: 'integer', minimum: 1 },
      input: { type: 'object', description: 'By the schema of the function', default: {} },
      priority: { type: 'integer', minimum: 1, maximum: MAX_PRIORITY },
      mode: { type: 'string', enum: ['sync', 'stream', 'webhook'], default: 'sync' },
      webhook: {
        type: 'object',
        properties: {
          url: { type: 'string', format: 'uri' },
          headers: { type: 'object', additionalProperties: text },
        },
        required: ['url'],
      },
      tags: { type: 'object' },
      timeout: { type: 'integer', minimum: 1, description: 'Limit of one attempt in milliseconds' },
      deadline: { type: 'string', format: 'date-time' },
      attempts: { type: 'integer', minimum: 1 },
      idempotent: { type: 'boolean' },
      metadata: { type: 'object', additionalProperties: text, maxProperties: LIMITS.metadataKeys },
    },
    required: ['function'],
  },
  Health: {
    type: 'object',
    description: 'With a key; without one `status` alone.',
    properties: {
      status: { type: 'string', enum: ['starting', 'ready', 'unready', 'maintenance', 'draining'] },
      group: name,
      contract: { type: 'integer', minimum: 1 },
      functions: {
        type: 'array',
        items: {
          type: 'object',
          properties: { name, params: { type: 'object' } },
          required: ['name', 'params'],
        },
      },
      services: {
        type: 'array',
        items: {
          type: 'object',
          properties: { name, status: text, state: text },
          required: ['name', 'status', 'state'],
        },
      },
      tags: { type: 'object' },
      slots: {
        type: 'object',
        properties: { used: count, available: count, limit: count, queue: count, stuck: count },
      },
      system: {
        type: 'object',
        properties: {
          uptime: { type: 'number' },
          usedMemoryPercent: { type: 'number' },
          cpuLoad: { type: 'number' },
        },
      },
      websocketPort: { type: ['integer', 'null'] },
      protocols: { type: 'array', items: text },
    },
    required: ['status'],
  },
  Logs: {
    type: 'object',
    properties: { logs: { type: 'array', items: text, description: 'The oldest first' } },
    required: ['logs'],
  },
  Switched: {
    type: 'object',
    properties: { status: text, message: text },
    required: ['status', 'message'],
  },
}

export const OWN_RESPONSES = {
  Problem: {
    description: 'It was refused, or it failed',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  },
  Accepted: json('Queued; the result goes to the webhook', { $ref: '#/components/schemas/Accepted' }),
}

const switched = json('What the worker is now', { $ref: '#/components/schemas/Switched' })

export const ADDRESSES = {
  '/task': {
    post: {
      operationId: 'runTask',
      tags: ['worker'],
      summary: 'Run any function',
      responses: {
        200: {
          description: 'The result',
          content: {
            'application/json': {
              schema: {
                type: 'object',
                properties: { success: { const: true }, result: {} },
                required: ['success', 'result'],
              },
            },
            'text/plain': { schema: text },
            'text/event-stream': { schema: text },
          },
        },
        202: { $ref: '#/components/responses/Accepted' },
        ...errors(400, 401, 404, 413, 415, 422, 429, 500, 503, 504),
      },
    },
  },
  '/health': {
    get: {
      operationId: 'getHealth',
      tags: ['worker'],
      summary: 'How the worker is',
      security: [{ key: [] }, {}],
      responses: {
        200: json('Its status', { $ref: '#/components/schemas/Health' }),
        ...errors(401),
      },
    },
  },
  '/logs': {
    get: {
      operationId: 'getLogs',
      tags: ['worker'],
      summary: 'The last lines of its log',
      parameters: [
        {
          name: 'level',
          in: 'query',
          description: 'Lines of this level and above',
          schema: { type: 'string', enum: ['debug', 'info', 'warn', 'error'] },
        },
        { name: 'run', in: 'query', description: 'Lines of this run', schema: text },
      ],
      responses: { 200: json('The lines', { $ref: '#/components/schemas/Logs' }), ...errors(400, 401) },
    },
  },
  '/on': {
    post: {
      operationId: 'switchOn',
      tags: ['worker'],
      summary: 'End maintenance',
      responses: { 200: switched, ...errors(401) },
    },
  },
  '/off': {
    post: {
      operationId: 'switchOff',
      tags: ['worker'],
      summary: 'Begin maintenance: running tasks finish, new ones are refused',
      responses: { 200: switched, ...errors(401) },
    },
  },
  '/metrics': {
    get: {
      operationId: 'getMetrics',
      tags: ['worker'],
      summary: 'Figures for Prometheus',
      responses: {
        200: { description: 'The text format', content: { 'text/plain': { schema: text } } },
        ...errors(401),
      },
    },
  },
}
