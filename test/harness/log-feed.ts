/** A page that watches log lines by one word of the feed, as a client of its protocol. */
import { once } from 'node:events'
import { feedMessageSchema } from '@berth/protocol'
import { WebSocket } from 'ws'
import { type Balancer, KEYS } from './berth.ts'
import type { Scope } from './scope.ts'

export interface LogFeed {
  /** Texts of the lines, as they come. */
  readonly texts: readonly string[]
  close(): Promise<void>
}

export function followLog(scope: Scope, { url }: Pick<Balancer, 'url'>, word: string): LogFeed {
  const texts: string[] = []
  const socket = new WebSocket(`${url.replace('http', 'ws')}/feed`, {
    headers: { authorization: `Bearer ${KEYS.caller}` },
  })
  scope.after(() => socket.terminate())
  socket.on('open', () => socket.send(JSON.stringify({ watch: [word] })))
  socket.on('message', (data) => {
    const frame = feedMessageSchema.parse(JSON.parse(String(data)))
    const lines = 'changes' in frame ? frame.changes.logs?.[word]?.lines : frame.snapshot.logs[word]
    texts.push(...(lines ?? []).map(({ text }) => text))
  })
  return {
    texts,
    async close() {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}
