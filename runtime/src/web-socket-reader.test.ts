/** Frames as their bytes come: cut anywhere, with and without a mask, and broken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocketReader } from './web-socket-reader.ts'

const LIMITS = { textBytes: 300_000, binaryBytes: 200_000 }

interface FrameKind {
  readonly opcode: number
  readonly payload: Buffer
  readonly isCut?: boolean
  readonly isMasked?: boolean
  readonly bits?: number
}

function frame({ opcode, payload, isCut = false, isMasked = false, bits = 0 }: FrameKind): Buffer {
  const { length } = payload
  const head = [(isCut ? 0 : 0x80) | bits | opcode]
  const mask = isMasked ? 0x80 : 0
  if (length < 126) head.push(mask | length)
  else if (length < 65_536) head.push(mask | 126, length >> 8, length & 0xff)
  else
    head.push(
      mask | 127,
      0,
      0,
      0,
      0,
      length >>> 24,
      (length >> 16) & 0xff,
      (length >> 8) & 0xff,
      length & 0xff,
    )
  const key = Buffer.from([0x5a, 0x01, 0xff, 0x80])
  if (!isMasked) return Buffer.concat([Buffer.from(head), payload])
  const masked = payload.map((byte, index) => byte ^ (key[index & 3] as number))
  return Buffer.concat([Buffer.from(head), key, masked])
}

/** Big and with no two equal pieces, so that a mix-up shows. */
function makeBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32BE(i, i)
  return bytes
}

function makeReader(isFromClient: boolean, limits = LIMITS) {
  const heard: string[] = []
  const kept: Buffer[] = []
  const reader = new WebSocketReader(
    {
      onText: (text) => heard.push(`text ${text}`),
      onBinary: (bytes) => {
        heard.push(`binary ${kept.length}`)
        kept.push(bytes)
      },
      onPing: (payload) => heard.push(`ping ${payload}`),
      onClose: (code, reason) => heard.push(`close ${code} ${reason}`),
      onBreach: (code) => heard.push(`breach ${code}`),
    },
    limits,
    isFromClient,
  )
  return { reader, heard, kept }
}

type Feed = (reader: WebSocketReader, piece: Buffer) => void

/** As from memory that serves the next read as well. */
const shared: Feed = (reader, piece) => {
  const memory = Buffer.from(piece)
  reader.push(memory, false)
  memory.fill(0xee)
}
const lasting: Feed = (reader, piece) => reader.push(Buffer.from(piece), true)
/** The middle of long frames goes where it belongs. */
const direct: Feed = (reader, piece) => {
  let at = 0
  while (at < piece.length) {
    const room = reader.room()
    if (!room) return shared(reader, piece.subarray(at))
    const count = piece.copy(room, 0, at)
    reader.filled(count)
    at += count
  }
}

for (const isMasked of [false, true])
  test(`messages come whole and in order, wherever they are cut, ${isMasked ? 'with' : 'without'} a mask`, () => {
    const long = makeBytes(150_001)
    const frames: FrameKind[] = [
      { opcode: 1, payload: Buffer.from('one') },
      { opcode: 1, payload: Buffer.from('Grüße €'), isMasked },
      { opcode: 2, payload: long.subarray(0, 70_000) },
      { opcode: 9, payload: Buffer.from('are you there?') },
      { opcode: 2, payload: Buffer.alloc(0) },
      { opcode: 2, payload: long.subarray(0, 90_000), isCut: true },
      { opcode: 9, payload: Buffer.alloc(125, 'p') },
      { opcode: 0, payload: Buffer.alloc(0), isCut: true },
      { opcode: 0, payload: long.subarray(90_000) },
      { opcode: 10, payload: Buffer.from('unasked') },
      { opcode: 2, payload: long.subarray(0, 200) },
      { opcode: 1, payload: Buffer.from('half a cha'), isCut: true },
      { opcode: 0, payload: Buffer.from('racter: \u00e4').subarray(0, 9), isCut: true },
      { opcode: 0, payload: Buffer.from('\u00e4').subarray(1) },
      { opcode: 8, payload: Buffer.concat([Buffer.from([0x03, 0xe9]), Buffer.from('bye')]) },
      { opcode: 1, payload: Buffer.from('behind the end') },
    ]
    const wire = Buffer.concat(frames.map((each) => frame({ ...each, isMasked })))
    const expected = [
      'text one',
      'text Grüße €',
      'binary 0',
      'ping are you there?',
      'binary 1',
      `ping ${'p'.repeat(125)}`,
      'binary 2',
      'binary 3',
      'text half a character: ä',
      'close 1001 bye',
    ]
    for (const feed of [shared, lasting, direct])
      for (const size of [1, 2, 3, 5, 7, 13, 127, 140, 1000, 65_536, 100_000, wire.length]) {
        const { reader, heard, kept } = makeReader(isMasked)
        for (let at = 0; at < wire.length; at += size) feed(reader, wire.subarray(at, at + size))
        assert.deepEqual(heard, expected, `pieces of ${size}`)
        const [first, empty, whole, small] = kept
        assert.ok(first?.equals(long.subarray(0, 70_000)))
        assert.equal(empty?.length, 0)
        assert.ok(whole?.equals(long))
        assert.ok(small?.equals(long.subarray(0, 200)))
      }
  })

const BREACHES: [string, string, Buffer][] = [
  ['reserved bits', 'breach 1002', frame({ opcode: 1, payload: Buffer.from('x'), bits: 0x40 })],
  ['an unknown opcode', 'breach 1002', frame({ opcode: 3, payload: Buffer.from('x') })],
  ['a mask that must not be', 'breach 1002', frame({ opcode: 1, payload: Buffer.from('x'), isMasked: true })],
  ['a control frame in pieces', 'breach 1002', frame({ opcode: 9, payload: Buffer.from('x'), isCut: true })],
  ['a long control frame', 'breach 1002', frame({ opcode: 9, payload: Buffer.alloc(126) })],
  ['a piece of no message', 'breach 1002', frame({ opcode: 0, payload: Buffer.from('x') })],
  [
    'a message in a message',
    'breach 1002',
    Buffer.concat([
      frame({ opcode: 1, payload: Buffer.from('x'), isCut: true }),
      frame({ opcode: 1, payload: Buffer.from('y') }),
    ]),
  ],
  ['half a close code', 'breach 1002', frame({ opcode: 8, payload: Buffer.from([3]) })],
  [
    'a close code that no frame may have',
    'breach 1002',
    frame({ opcode: 8, payload: Buffer.from([3, 238]) }),
  ],
  ['a close code below all', 'breach 1002', frame({ opcode: 8, payload: Buffer.from([0, 1]) })],
  ['a reason that is no UTF-8', 'breach 1007', frame({ opcode: 8, payload: Buffer.from([3, 232, 0xff]) })],
  ['a text that is no UTF-8', 'breach 1007', frame({ opcode: 1, payload: Buffer.from([0xc3]) })],
  ['a long binary message', 'breach 1009', frame({ opcode: 2, payload: Buffer.alloc(200_001) })],
  [
    'a long text in pieces',
    'breach 1009',
    Buffer.concat([
      frame({ opcode: 1, payload: Buffer.alloc(200_000, 'x'), isCut: true }),
      frame({ opcode: 0, payload: Buffer.alloc(100_001, 'x') }),
    ]),
  ],
  ['a length that no number holds', 'breach 1009', Buffer.from([0x82, 127, ...Buffer.alloc(8, 0xff)])],
]

for (const [what, told, wire] of BREACHES)
  test(`${what} ends the reading, told once`, () => {
    for (const size of [1, 5, wire.length]) {
      const { reader, heard } = makeReader(false)
      for (let at = 0; at < wire.length; at += size) shared(reader, wire.subarray(at, at + size))
      shared(reader, frame({ opcode: 1, payload: Buffer.from('behind') }))
      assert.deepEqual(heard, [told])
    }
  })

test('a frame of a client has a mask', () => {
  const { reader, heard } = makeReader(true)
  shared(reader, frame({ opcode: 1, payload: Buffer.from('x') }))
  assert.deepEqual(heard, ['breach 1002'])
})

test('what is at its limit passes, and a close may say nothing', () => {
  const { reader, heard, kept } = makeReader(false)
  shared(reader, frame({ opcode: 2, payload: Buffer.alloc(200_000) }))
  shared(reader, frame({ opcode: 1, payload: Buffer.alloc(300_000, 'x') }))
  shared(reader, frame({ opcode: 8, payload: Buffer.alloc(0) }))
  assert.deepEqual(
    heard.map((each) => each.slice(0, 10).trim()),
    ['binary 0', 'text xxxxx', 'close 1005'],
  )
  assert.equal(kept[0]?.length, 200_000)
})

test('an announced length takes little memory before it comes', () => {
  const limits = { textBytes: 1 << 30, binaryBytes: 1 << 30 }
  const { reader } = makeReader(false, limits)
  reader.push(Buffer.from([0x82, 127, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3]), false)
  assert.ok((reader.room()?.length ?? 0) <= 256 * 1024)
})
