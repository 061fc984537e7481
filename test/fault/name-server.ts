/**
 * A name server for one name, that can fail: answers from a list of addresses, says that it cannot, or says nothing.
 * Used by the cases of names between namespaces, where it is the only one that processes know.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Scope } from '../harness/scope.ts'

export type Mood = 'answers' | 'fails' | 'mute'

const HEADER_BYTES = 12
const SERVER_FAILURE = 2
const TYPE_A = 1

export class NameServer {
  mood: Mood = 'answers'
  addresses: readonly string[] = []
  /** Questions for an address that came. */
  asked = 0

  private constructor(socket: Socket) {
    socket.on('message', (question, from) => {
      const answer = this.#answer(question)
      if (answer) socket.send(answer, from.port, from.address)
    })
  }

  static async start(scope: Scope, host: string): Promise<NameServer> {
    const socket = createSocket('udp4').bind(53, host)
    await once(socket, 'listening')
    scope.after(() => void socket.close())
    return new NameServer(socket)
  }

  #answer(question: Buffer): Buffer | undefined {
    const end = question.indexOf(0, HEADER_BYTES) + 5
    const isForAddress = question.readUInt16BE(end - 4) === TYPE_A
    if (isForAddress) this.asked++
    if (this.mood === 'mute') return undefined
    const addresses = this.mood === 'answers' && isForAddress ? this.addresses : []
    const head = Buffer.from(question.subarray(0, HEADER_BYTES))
    // An answer, recursion available, and how it went.
    head.writeUInt16BE(0x8180 | (this.mood === 'fails' ? SERVER_FAILURE : 0), 2)
    for (const [at, count] of [1, addresses.length, 0, 0].entries()) head.writeUInt16BE(count, 4 + 2 * at)
    return Buffer.concat([head, question.subarray(HEADER_BYTES, end), ...addresses.map(record)])
  }
}

/** An A record for the name of the question, to be kept for no time at all. */
function record(address: string): Buffer {
  return Buffer.from([
    0xc0,
    HEADER_BYTES,
    0,
    TYPE_A,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    4,
    ...address.split('.').map(Number),
  ])
}
