/**
 * Chooses the task that `start` shows to try: one that works as pasted. Pure; called with what `GET /functions`
 * answers. Invariant: nothing is shown that is known to be refused.
 */
import { z } from 'zod'

export const publishedFunctionSchema = z.object({
  name: z.string(),
  group: z.string(),
  input: z
    .object({
      properties: z.record(z.string(), z.unknown()).optional().catch(undefined),
      required: z.array(z.string()).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
})

export type PublishedFunction = z.infer<typeof publishedFunctionSchema>

export interface Example {
  readonly function: string
  readonly group: string
  readonly input: Readonly<Record<string, unknown>>
}

/** `hello` if somebody serves it, else the first that needs no input; undefined when there is none. */
export function chooseExample(functions: readonly PublishedFunction[]): Example | undefined {
  const hello = functions.find(({ name, input }) => name === 'hello' && needs(input).every(isName))
  if (hello !== undefined) {
    const takesName = hello.input?.properties === undefined || 'name' in hello.input.properties
    return { function: 'hello', group: hello.group, input: takesName ? { name: 'Ada' } : {} }
  }
  const free = functions.find(({ input }) => needs(input).length === 0)
  return free && { function: free.name, group: free.group, input: {} }
}

function needs(input: PublishedFunction['input']): readonly string[] {
  return input?.required ?? []
}

function isName(parameter: string): boolean {
  return parameter === 'name'
}
