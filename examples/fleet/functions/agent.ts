/**
 * Answers in a conversation: through any endpoint that speaks the chat completions protocol when `OPENAI_BASE_URL` is set
 * (with `OPENAI_API_KEY` and `OPENAI_MODEL`, all in FUNCTION_ENV_FILE), else by a small responder that always says the
 * same, so that everything around it can be tried without a model. Its tools are functions of this fleet.
 */
import { type Context, defineFunction } from '@berth/worker'
import { z } from 'zod'
import {
  type ChatMessage,
  type ChatTool,
  chat,
  type Endpoint,
  type ToolCall,
} from '../helpers/chat-completions.ts'
import hello from './hello.ts'
import wordCount from './word-count.ts'

const MOST_STEPS = 20
const INSTRUCTIONS = 'You are a helpful assistant. Use the tools where they help, and answer briefly.'

const inputSchema = z.object({ input: z.string().min(1) })

/** What the model may call, by the function's name. */
const TOOLS = { hello, 'word-count': wordCount }

export default defineFunction({
  input: inputSchema,
  output: z.object({ output_text: z.string() }),
  config: {
    description: 'Answers in a conversation, with the fleet as its tools',
    examples: [{ input: 'How many words are in "to be or not to be"?' }],
    timeout: 600_000,
    supportsStreaming: true,
    idempotent: true,
  },
  async handler({ input }, ctx) {
    const attached = await readAttached(ctx)
    const asked = attached === '' ? input : `${input}\n\n${attached}`
    const endpoint = endpointOf(ctx.env)
    const text = endpoint ? await answer(asked, endpoint, ctx) : await respond(asked, ctx)
    ctx.message(text)
    return { output_text: text }
  },
})

function endpointOf(env: Readonly<Record<string, string>>): Endpoint | undefined {
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey, OPENAI_MODEL: model = 'gpt-5-mini' } = env
  return baseUrl === undefined ? undefined : { baseUrl, apiKey, model }
}

/** Texts that came along with the turn. */
async function readAttached({ files }: Context): Promise<string> {
  const texts: string[] = []
  for (const { path, mediaType } of files.list())
    if (mediaType.startsWith('text/')) texts.push(`${path}:\n${await (await files.read(path)).text()}`)
  return texts.join('\n\n')
}

// --- With a model --------------------------------------------------------------------------------

async function answer(asked: string, endpoint: Endpoint, ctx: Context): Promise<string> {
  const messages: ChatMessage[] = [
    { role: 'system', content: INSTRUCTIONS },
    ...ctx.turns.flatMap(messagesOfTurn),
    { role: 'user', content: asked },
  ]
  let said = ''
  for (let step = 0; step < MOST_STEPS; step++) {
    const onText = (text: string) => ctx.stream?.(text)
    const { text, toolCalls, usage } = await chat(endpoint, {
      messages,
      tools: describeTools(),
      signal: ctx.signal,
      onText,
    })
    ctx.usage({ ...usage, steps: 1 })
    said += text
    if (toolCalls.length === 0) return said
    messages.push({ role: 'assistant', content: text === '' ? null : text, tool_calls: toolCalls })
    messages.push(...(await Promise.all(toolCalls.map((call) => runTool(call, ctx)))))
  }
  return said === '' ? `No answer after ${MOST_STEPS} steps.` : said
}

function messagesOfTurn({ input, output }: Context['turns'][number]): ChatMessage[] {
  const asked = inputSchema.safeParse(input)
  const answered = z.object({ output_text: z.string() }).safeParse(output)
  return [
    { role: 'user', content: asked.data?.input ?? JSON.stringify(input) },
    { role: 'assistant', content: answered.data?.output_text ?? JSON.stringify(output) },
  ]
}

function describeTools(): ChatTool[] {
  return Object.entries(TOOLS).map(([name, { input, config }]) => ({
    type: 'function',
    function: {
      name,
      description: config?.description ?? name,
      parameters: input instanceof z.ZodType ? z.toJSONSchema(input, { io: 'input' }) : {},
    },
  }))
}

/** A tool that fails tells the model so: it may try another way. */
async function runTool(call: ToolCall, ctx: Context): Promise<ChatMessage> {
  const { name, arguments: given } = call.function
  const content = Object.hasOwn(TOOLS, name)
    ? await Promise.try(() => ctx.call(name, JSON.parse(given || '{}')))
        .then((result) => JSON.stringify(result))
        .catch((error: unknown) => `failed: ${error instanceof Error ? error.message : String(error)}`)
    : `failed: there is no tool "${name}"`
  return { role: 'tool', tool_call_id: call.id, content }
}

// --- Without one ---------------------------------------------------------------------------------

const countSchema = z.object({ words: z.number() })
const WRITES = /^write ([\w./-]{1,64}): ([\s\S]+)$/i

/** Says what it heard and how often it was asked; "write notes.txt: …" leaves a file. */
async function respond(asked: string, ctx: Context): Promise<string> {
  const { words } = countSchema.parse(await ctx.call('word-count', { text: asked }))
  const [, path, content] = WRITES.exec(asked) ?? []
  if (path !== undefined && content !== undefined) await ctx.file(path, content, 'text/plain')
  const wrote = path === undefined ? '' : ` I have written ${path}.`
  const text = `Turn ${ctx.turns.length + 1}: you said "${asked}" (${words} words).${wrote}`
  for (const piece of text.match(/\S+\s*/g) ?? []) await ctx.stream?.(piece)
  ctx.usage({ inputTokens: words, outputTokens: text.split(/\s+/).length, steps: 1 })
  return text
}
