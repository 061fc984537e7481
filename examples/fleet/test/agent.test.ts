/** The agent against a local server that speaks the chat completions protocol, and without any. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { runFunction } from '@berth/worker/testing'
import agent from '../functions/agent.ts'

interface Request {
  readonly model: string
  readonly stream: boolean
  readonly messages: readonly { role: string; content: string | null; tool_call_id?: string }[]
  readonly tools: readonly { function: { name: string; parameters: { required?: string[] } } }[]
}

/** Answers its requests one after another with these events, or with a status and a text. */
async function startModel(t: TestContext, answers: readonly (readonly object[] | [number, string])[]) {
  const requests: Request[] = []
  const keys: (string | undefined)[] = []
  const server = createServer(async (req, res) => {
    let body = ''
    for await (const piece of req.setEncoding('utf8')) body += piece
    requests.push(JSON.parse(body))
    keys.push(req.headers.authorization)
    const answer = answers[requests.length - 1] ?? []
    const [status, text] = answer
    if (typeof status === 'number') return res.writeHead(status).end(text)
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const event of answer) res.write(`data: ${JSON.stringify(event)}\n\n`)
    res.end('data: [DONE]\n\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const env = {
    OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1/`,
    OPENAI_API_KEY: 'sk-test',
    OPENAI_MODEL: 'tiny',
  }
  return { requests, keys, env }
}

const says = (content: string) => ({ choices: [{ delta: { content } }] })
const counts = (prompt: number, completion: number, more: object = {}) => ({
  choices: [],
  usage: { prompt_tokens: prompt, completion_tokens: completion, ...more },
})
const calls = (index: number, part: object) => ({
  choices: [{ delta: { tool_calls: [{ index, ...part }] } }],
})

test('streams what the model says, and counts what it cost', async (t) => {
  const details = {
    prompt_tokens_details: { cached_tokens: 3 },
    completion_tokens_details: { reasoning_tokens: 2 },
  }
  const { requests, keys, env } = await startModel(t, [[says('Hel'), says('lo.'), counts(10, 6, details)]])
  const turns = [{ input: { input: 'before' }, output: { output_text: 'yes' } }]
  const { result, chunks, usage, messages } = await runFunction(
    agent,
    { input: 'Hi' },
    { env, session: 's', turns },
  )
  assert.deepEqual(result, { output_text: 'Hello.' })
  assert.deepEqual(chunks.map(String), ['Hel', 'lo.'])
  assert.deepEqual(messages, ['Hello.'])
  const told = { inputTokens: 10, outputTokens: 4, cacheReadTokens: 3, reasoningTokens: 2, steps: 1 }
  assert.deepEqual(usage, [told])
  const [request] = requests
  assert.deepEqual([request?.model, request?.stream, keys[0]], ['tiny', true, 'Bearer sk-test'])
  assert.deepEqual(
    request?.messages.slice(1).map(({ role, content }) => `${role}: ${content}`),
    ['user: before', 'assistant: yes', 'user: Hi'],
  )
  const tool = request?.tools.find((one) => one.function.name === 'word-count')
  assert.deepEqual(tool?.function.parameters.required, ['text'])
})

test('tools run in the fleet, and what fails is told to the model', async (t) => {
  const { requests, env } = await startModel(t, [
    [
      calls(0, { id: 'call_1', function: { name: 'word-count', arguments: '{"te' } }),
      calls(0, { function: { arguments: 'xt":"a b"}' } }),
      calls(1, { id: 'call_2', function: { name: 'rm', arguments: '{}' } }),
      calls(2, { id: 'call_3', function: { name: 'hello', arguments: '{broken' } }),
    ],
    [says('Two words.'), counts(1, 1)],
  ])
  const called: unknown[] = []
  const { result, usage } = await runFunction(
    agent,
    { input: 'Count' },
    {
      env,
      call: (name, input) => {
        called.push([name, input])
        return { words: 2 }
      },
    },
  )
  assert.deepEqual(result, { output_text: 'Two words.' })
  assert.deepEqual(called, [['word-count', { text: 'a b' }]])
  assert.deepEqual(usage, [{ steps: 1 }, { inputTokens: 1, outputTokens: 1, steps: 1 }])
  const answers = requests[1]?.messages.filter(({ role }) => role === 'tool') ?? []
  assert.deepEqual(
    answers.map(({ tool_call_id: id }) => id),
    ['call_1', 'call_2', 'call_3'],
  )
  assert.equal(answers[0]?.content, '{"words":2}')
  assert.match(answers[1]?.content ?? '', /no tool "rm"/)
  assert.match(answers[2]?.content ?? '', /^failed: /)
})

test('what the endpoint refuses is the error of the run', async (t) => {
  const { env } = await startModel(t, [[429, 'slow down'], [{ error: { message: 'overloaded' } }]])
  const refused = await runFunction(agent, { input: 'Hi' }, { env })
  assert.match(refused.error?.message ?? '', /answered 429: slow down/)
  const broken = await runFunction(agent, { input: 'Hi' }, { env })
  assert.match(broken.error?.message ?? '', /overloaded/)
})

test('without a model it always says the same, reads what came along and writes what it is told to', async () => {
  const call = (_name: string, input: unknown) => ({
    words: (input as { text: string }).text.split(/\s+/).length,
  })
  const { result, chunks, usage } = await runFunction(agent, { input: 'to be' }, { call })
  assert.deepEqual(result, { output_text: 'Turn 1: you said "to be" (2 words).' })
  assert.equal(chunks.map(String).join(''), 'Turn 1: you said "to be" (2 words).')
  assert.equal(usage[0]?.inputTokens, 2)
  const files = [{ path: 'a.txt', mediaType: 'text/plain', data: 'attached' }]
  const wrote = await runFunction(agent, { input: 'write b.txt: new' }, { call, files })
  assert.match(
    String((wrote.result as { output_text: string }).output_text),
    /attached.*I have written b.txt/s,
  )
  assert.equal(wrote.files[0]?.path, 'b.txt')
})
