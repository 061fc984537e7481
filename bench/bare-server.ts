/**
 * The yardstick of `worker-alone.ts`: the least that a `node:http` server can do for the same answer. Reads the
 * body, parses it, takes `input.name`, writes JSON. Started by it as a process of its own; says its port on stdout.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { input } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { input: { name: string } }
    const body = JSON.stringify({ success: true, result: { message: `Hello ${input.name}!` } })
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.end(body)
  })
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ text: 'ready', url: `http://127.0.0.1:${port}` })}\n`)
})
