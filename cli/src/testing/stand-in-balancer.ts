/**
 * A process that behaves towards `start` as the balancer does: answers the questions that `start` asks, drains
 * on SIGTERM, ends when its lifeline is lost. `STAND_IN_BALANCER` makes it misbehave: `misconfigured`, `deaf`.
 */
import { createServer } from 'node:http'
import { watchLifeline } from '@berth/runtime'

const mode = process.env.STAND_IN_BALANCER

if (mode === 'misconfigured') {
  console.error('HOST is not loopback')
  process.exit(78)
}

const ANSWERS: Readonly<Record<string, unknown>> = {
  'GET /health': { status: 'ready' },
  'GET /workers': {
    items: (process.env.STAND_IN_WORKERS ?? '').split(',').map((id) => ({ id, status: 'ready' })),
    cursor: null,
  },
  'GET /functions': { items: [{ name: 'hello', group: 'default' }], cursor: null },
  'POST /sign-in/tokens': { token: 'one-time-token', expiresAt: '2026-01-01T00:00:00.000Z' },
}

const server = createServer((request, response) => {
  const answer = ANSWERS[`${request.method} ${request.url?.split('?')[0]}`]
  const isAllowed = request.url === '/health' || request.headers.authorization === process.env.STAND_IN_KEY
  response.writeHead(answer === undefined ? 404 : isAllowed ? (request.method === 'POST' ? 201 : 200) : 401)
  response.end(JSON.stringify(answer ?? {}))
})

process.on('SIGTERM', () => {
  console.log('got SIGTERM')
  if (mode === 'deaf') return
  // Long enough for a worker that got its signal at the same time to say so first.
  setTimeout(() => {
    console.log('drained')
    process.exit(0)
  }, 100)
})
watchLifeline(() => process.exit(0))
server.listen(Number(process.env.PORT), process.env.HOST, () => console.log('up'))
