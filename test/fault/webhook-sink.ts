/**
 * Where webhooks of a test of faults arrive: keeps every message that came, and says whether its signature holds,
 * by the judgement of the package that receivers use. Refuses the first try of one in so many, so that there are
 * repeats; never a second one, since the third comes only after minutes.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { Scope } from '../harness/scope.ts'

export type Message = {
  /** `webhook-id`. */
  readonly id: string
  readonly run: string
  readonly type: string
  /** What the sink answered. */
  readonly status: number
  /** Why the signature does not hold; undefined when it does. */
  readonly forged?: string | undefined
}

export type Sink = {
  readonly url: string
  readonly host: string
  readonly messages: readonly Message[]
}

/** `refuseEvery`: the first try of the n-th, 2n-th, … message gets 500. */
export async function startSink(scope: Scope, secret: string, refuseEvery: number): Promise<Sink> {
  const messages: Message[] = []
  const ids = new Set<string>()
  const verifier = new Webhook(secret)
  const server = createServer((req, res) => {
    const pieces: Buffer[] = []
    req.on('data', (piece: Buffer) => pieces.push(piece))
    req.on('end', () => {
      const id = String(req.headers['webhook-id'])
      const isRefused = !ids.has(id) && (ids.size + 1) % refuseEvery === 0
      ids.add(id)
      const status = isRefused ? 500 : 200
      messages.push(read(Buffer.concat(pieces).toString(), req.headers, status, verifier))
      res.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  scope.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: `http://${host}/hook`, host, messages }
}

function read(body: string, headers: object, status: number, verifier: Webhook): Message {
  const id = String((headers as Record<string, unknown>)['webhook-id'])
  try {
    verifier.verify(body, headers as Record<string, string>)
    const { type, data } = JSON.parse(body) as { type: string; data: { runId: string } }
    return { id, run: data.runId, type, status }
  } catch (error) {
    return { id, run: '', type: '', status, forged: error instanceof Error ? error.message : String(error) }
  }
}
