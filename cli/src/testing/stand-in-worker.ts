/**
 * A process that behaves towards `start` as a worker does: listens, says what it was given, ends on SIGTERM
 * and when its lifeline is lost.
 */
import { createServer } from 'node:net'
import { watchLifeline } from '@berth/runtime'

const { NAME, SLOTS, TAGS, HOST, PORT } = process.env
const server = createServer((socket) => socket.destroy())

process.on('SIGTERM', () => {
  console.log('got SIGTERM')
  process.exit(0)
})
watchLifeline(() => process.exit(0))
server.listen(Number(PORT), HOST, () =>
  console.log(`up NAME=${NAME} SLOTS=${SLOTS} TAGS=${TAGS} pid=${process.pid}`),
)
