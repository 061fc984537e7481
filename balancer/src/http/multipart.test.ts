/** Bodies with files as they come in: what of them is held counts for all, and what is refused says where. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import type { TaskError } from '@berth/protocol'
import type { Upload } from '../ports/files.ts'
import { Door } from './door.ts'
import { readMultipart } from './multipart.ts'

const FULL: TaskError = { code: 'QUEUE_FULL', detail: 'full' }
const TOO_LARGE: TaskError = { code: 'PAYLOAD_TOO_LARGE', detail: 'too large' }

/** Takes what comes and forgets it. */
const UPLOAD: Upload = {
  files: [],
  open: async () => ({ write: async () => undefined, end: async () => undefined }),
  keep: () => {},
  drop: async () => {},
}

function part(name: string, text: string, filename?: string): string {
  const file = filename === undefined ? '' : `; filename="${filename}"`
  return `--x\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${text}\r\n`
}

/** A body behind a door with room for so many bytes of all bodies together. */
function begin(room: number) {
  const door = new Door({ refuseAtDoor: (own, others) => (own + others <= room ? undefined : FULL) })
  const body = new PassThrough()
  const req = Object.defineProperties(body, {
    headers: { value: { 'content-type': 'multipart/form-data; boundary=x' } },
    complete: { get: () => body.readableEnded },
  }) as unknown as IncomingMessage
  const task = { limitBytes: 100, tooLarge: TOO_LARGE, door }
  const received = readMultipart(req, UPLOAD, { task, bodyLimitBytes: 10_000 })
  const until = async (isMet: () => boolean) => {
    for (const endMs = Date.now() + 10_000; !isMet(); await new Promise(setImmediate))
      assert.ok(Date.now() < endMs, `${door.bytes} bytes are held`)
  }
  return { door, body, received, until }
}

async function refusalOf(text: string, room = 1_000): Promise<TaskError> {
  const { body, received, door } = begin(room)
  body.end(`${text}--x--\r\n`)
  const read = await received
  assert.equal(door.bytes, 0)
  return read.ok ? assert.fail('it was taken') : read.error
}

describe('readMultipart', { timeout: 20_000 }, () => {
  it('counts the part "task" at the door until it is handed over', async () => {
    const { door, body, received, until } = begin(1_000)
    const task = '{"function":"f"}'
    body.write(part('task', task) + part('a', 'x'.repeat(500), 'a.txt'))
    await until(() => door.bytes === task.length)
    body.end('--x--\r\n')
    const read = await received
    assert.equal(read.ok && String(read.task), task)
    assert.equal(door.bytes, 0)
  })

  it('is refused where what waits and comes leaves no room', async () => {
    assert.equal((await refusalOf(part('task', 'x'.repeat(60)), 50)).code, 'QUEUE_FULL')
    assert.equal((await refusalOf(part('task', 'x'.repeat(101)))).code, 'PAYLOAD_TOO_LARGE')
    const { door, body, received } = begin(100)
    door.enter(90)
    body.end(`${part('task', 'x'.repeat(20))}--x--\r\n`)
    const read = await received
    assert.equal(!read.ok && read.error.code, 'QUEUE_FULL')
    assert.equal(door.bytes, 90)
  })

  it('holds nothing of a body that breaks off, or is refused behind its task', async () => {
    const { door, body, received, until } = begin(1_000)
    // What may be the beginning of a boundary is held back by the parser.
    body.write(part('task', 'x'.repeat(50)).slice(0, -2))
    await until(() => door.bytes > 0)
    body.destroy()
    assert.equal((await received).ok, false)
    await until(() => door.bytes === 0)
    assert.equal((await refusalOf(part('task', '{}') + part('task', '{}'))).errors?.[0]?.pointer, '/task')
  })

  it('names a part that is no file as a JSON pointer has it', async () => {
    const { errors } = await refusalOf(part('a/b~c', '1'))
    assert.equal(errors?.[0]?.pointer, '/a~1b~0c')
  })
})
