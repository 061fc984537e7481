/**
 * Pages without a browser: protocol clients of the feed that watch what they are told and say once a second, as a
 * line of JSON, what has come: frames, bytes, the same gzipped, lines of the log and how many were left out. Started
 * by the scenario `dashboard`.
 * Arguments: the balancer's URL, how many, and the words to watch. `KEY` is the operator's key; with `ASLEEP_S` they
 * read nothing for so long, from their first moment on, as a tab does that hangs; with `COUNTS` they count frames
 * and bytes only, and leave the processor to what is measured beside them.
 */
import { gzipSync } from 'node:zlib'
import { WebSocket } from 'ws'

const [url = '', count = '1', ...words] = process.argv.slice(2)
const ASLEEP_MS = Number(process.env.ASLEEP_S ?? 0) * 1_000
const COUNTS = process.env.COUNTS !== undefined
const tally = { frames: 0, bytes: 0, gzipBytes: 0, lines: 0, dropped: 0, snapshots: 0 }

for (let index = 0; index < Number(count); index++) open(index === 0)

/** Only the first one looks into what comes, so that four cost no more than four sockets. */
function open(isCounting: boolean): void {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/feed`, {
    headers: { authorization: `Bearer ${process.env.KEY}` },
    perMessageDeflate: false,
  })
  socket.on('open', () => {
    socket.send(JSON.stringify({ watch: words }))
    if (ASLEEP_MS === 0) return
    // Before anything was read the system's own buffers are small.
    socket.pause()
    setTimeout(() => socket.resume(), ASLEEP_MS)
  })
  socket.on('message', (data: Buffer) => {
    if (isCounting) read(data)
  })
  socket.on('error', (error) => fail(error.message))
  socket.on('close', (code) => fail(`the feed was closed: ${code}`))
}

function read(data: Buffer): void {
  tally.frames += 1
  tally.bytes += data.length
  if (COUNTS) return
  tally.gzipBytes += gzipSync(data).length
  const message = JSON.parse(String(data)) as {
    snapshot?: object
    changes?: { logs?: Record<string, { lines: unknown[]; dropped: number }> }
  }
  if (message.snapshot !== undefined) tally.snapshots += 1
  for (const { lines, dropped } of Object.values(message.changes?.logs ?? {})) {
    tally.lines += lines.length
    tally.dropped += dropped
  }
}

function fail(why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}

setInterval(() => {
  process.stdout.write(`${JSON.stringify({ text: 'watched', ...tally })}\n`)
  for (const name of Object.keys(tally) as (keyof typeof tally)[]) tally[name] = 0
}, 1_000)
