/**
 * Makes a worker of ours look like one of another make: no `/link`, no word of our protocols in its `/health`; its tasks
 * come over HTTP, its slots over the feed of `WEBSOCKET_PORT`. Started by site.ts, so that everything that kills and
 * judges workers of ours kills and judges these.
 * Invariant: when the worker is gone its requests break, as they would without anything in between.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Scope } from '../harness/scope.ts'

export type Facade = {
  readonly port: () => number
  /** The worker is not told of a caller that has gone: it ends what it has begun, and nobody hears of it. */
  readonly runsOn: boolean
}

/** The URL to list instead of the worker's own. */
export async function startFacade(scope: Scope, { port, runsOn }: Facade): Promise<string> {
  const server = createServer((req, res) => {
    if (req.url === '/health') void showHealth(req, res, port())
    else pass(req, res, { port, runsOn })
  })
  server.on('upgrade', (_req, socket) => {
    // Whoever asked may have died meanwhile.
    socket.on('error', () => {})
    socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function showHealth({ headers }: IncomingMessage, res: ServerResponse, port: number): Promise<void> {
  try {
    const { authorization = '', 'x-lb-auth': fleet = '' } = headers
    const answer = await fetch(`http://127.0.0.1:${port}/health`, {
      headers: { authorization, 'x-lb-auth': String(fleet) },
    })
    const { protocols: _, ...health } = (await answer.json()) as Record<string, unknown>
    res.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(health))
  } catch {
    res.destroy()
  }
}

function pass(req: IncomingMessage, res: ServerResponse, { port, runsOn }: Facade): void {
  const { method, url, headers } = req
  const asked = request({ host: '127.0.0.1', port: port(), method, path: url, headers, agent: false })
  asked.on('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.on('error', () => res.destroy())
    answer.pipe(res)
    // Read to its end, though nobody is there to get it.
    res.on('close', () => answer.resume())
    if (res.destroyed) answer.resume()
  })
  asked.on('error', () => res.destroy())
  res.on('close', () => {
    if (!runsOn || !req.complete) asked.destroy()
  })
  req.pipe(asked)
}
