/**
 * The limit: the least that a `node:http` server can do for the same answers as the fleet of `fleet/`.
 * A process of its own; says its address on stdout. `POST /task` parses the body and writes JSON, any other
 * path gives the body back as it came.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Call {
  readonly function: string
  readonly input: { readonly name: string }
}

const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    const body = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
    if (request.url !== '/task') return answer(response, request.headers['content-type'] ?? '', body)
    const call = JSON.parse(body.toString('utf8')) as Call
    const result = call.function === 'hello' ? { message: `Hello ${call.input.name}!` } : call.input
    answer(response, 'application/json', Buffer.from(JSON.stringify({ success: true, result })))
  })
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ text: 'bare ready', url: `http://127.0.0.1:${port}` })}\n`)
})

function answer(response: ServerResponse, type: string, body: Buffer): void {
  response.writeHead(200, { 'content-type': type, 'content-length': body.length })
  response.end(body)
}
