/**
 * Owns what the command line asks of a running balancer over HTTP: is it up, a sign-in token, its workers
 * and functions. Called by `start` and `token`. Every question is bounded in time.
 * Invariant: a balancer that is down, slow or answers something else is a value, never an exception.
 */
import { z } from 'zod'
import { type PublishedFunction, publishedFunctionSchema } from './example.ts'

const ANSWER_LIMIT_MS = 2000

const tokenSchema = z.object({ token: z.string().min(1), expiresAt: z.string() })
const listOf = <T extends z.ZodType>(item: T) =>
  z.union([z.array(item), z.object({ items: z.array(item) }).transform(({ items }) => items)])
const workersSchema = listOf(z.object({ id: z.string(), status: z.string() }))
const functionsSchema = listOf(publishedFunctionSchema)

export type TokenAnswer =
  | { ok: true; token: string; expiresAt: string }
  | { ok: false; reason: 'unreachable' | 'unauthorized' | 'unexpected'; detail: string }

export type BalancerClient = {
  isUp(): Promise<boolean>
  makeSignInToken(): Promise<TokenAnswer>
  /** Undefined when it could not be learnt. */
  listWorkers(): Promise<{ id: string; status: string }[] | undefined>
  listFunctions(): Promise<PublishedFunction[] | undefined>
}

export function createBalancerClient(address: string, key: string): BalancerClient {
  const ask = async (path: string, method = 'GET'): Promise<Response | Error> => {
    try {
      return await fetch(`${address}${path}`, {
        method,
        headers: { authorization: key },
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
        redirect: 'error',
      })
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
  return {
    async isUp() {
      const answer = await ask('/health')
      if (answer instanceof Error) return false
      await answer.arrayBuffer().catch(() => undefined)
      return answer.ok
    },
    async makeSignInToken() {
      const answer = await ask('/sign-in/tokens', 'POST')
      if (answer instanceof Error)
        return { ok: false, reason: 'unreachable', detail: describeFailure(answer) }
      const parsed = tokenSchema.safeParse(await readJson(answer))
      if (answer.ok && parsed.success) return { ok: true, ...parsed.data }
      const reason = answer.status === 401 || answer.status === 403 ? 'unauthorized' : 'unexpected'
      return { ok: false, reason, detail: `it answered ${answer.status}` }
    },
    listWorkers: async () => parseList(await ask('/workers?limit=500'), workersSchema),
    listFunctions: async () => parseList(await ask('/functions?limit=500'), functionsSchema),
  }
}

async function parseList<T>(answer: Response | Error, schema: z.ZodType<T>): Promise<T | undefined> {
  if (answer instanceof Error) return undefined
  const parsed = schema.safeParse(await readJson(answer))
  return answer.ok && parsed.success ? parsed.data : undefined
}

async function readJson(answer: Response): Promise<unknown> {
  try {
    return await answer.json()
  } catch {
    return undefined
  }
}

/** `fetch` says only that it failed; the cause says how. */
function describeFailure(error: Error): string {
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code
  return code === 'ECONNREFUSED' ? 'nothing listens there' : (code ?? error.message)
}
