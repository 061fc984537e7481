/**
 * Says in words what keeps a process alive: sockets, servers, child processes, requests under way, timers. Called by
 * end-watch.ts in the process of a test file. What Node does not show of a thing is left out; nothing is changed.
 */
import { createHook } from 'node:async_hooks'
import type { ChildProcess } from 'node:child_process'
import { Server, Socket } from 'node:net'

/** A timer of Node's, with the fields that say what it is for. */
type Timer = { hasRef(): boolean; _idleTimeout: number; _repeat: number | null; _onTimeout: unknown }

/** Of Node, without a documented form; there since its first years. */
type Insides = { _getActiveHandles(): object[]; _getActiveRequests(): object[] }

const TEXT_LIMIT = 160
const LINES_LIMIT = 50

const timers = new Map<number, Timer>()

/** From now on timers are remembered while they run, so that they can be named. */
export function rememberTimers(): void {
  createHook({
    init(id, type, _trigger, resource) {
      if (type === 'Timeout') timers.set(id, resource as Timer)
    },
    destroy(id) {
      timers.delete(id)
    },
    trackPromises: false,
  }).enable()
}

/** One line a thing, at most fifty. */
export function describeOpen(): string[] {
  const { _getActiveHandles, _getActiveRequests } = process as unknown as Insides
  const own: unknown[] = [process.stdin, process.stdout, process.stderr]
  const handles = _getActiveHandles.call(process).filter((handle) => !own.includes(handle))
  const lines = [
    ...handles.map(describeHandle),
    ..._getActiveRequests.call(process).map(describeRequest),
    ...[...timers.values()].filter(keepsAlive).map(describeTimer),
  ]
  return lines.length > 0 ? lines.slice(0, LINES_LIMIT) : [`kinds: ${countKinds()}`]
}

function describeHandle(handle: object): string {
  if (handle instanceof Socket) return describeSocket(handle)
  if (handle instanceof Server) return `server that listens on ${JSON.stringify(handle.address())}`
  if (isChild(handle)) return cut(`process ${handle.pid}: ${handle.spawnargs.join(' ')}`)
  return handle.constructor.name
}

function isChild(handle: object): handle is ChildProcess {
  return 'spawnargs' in handle && Array.isArray(handle.spawnargs)
}

function describeSocket(socket: Socket): string {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  const here = localPort === undefined ? 'a pipe' : `${localAddress}:${localPort}`
  const there = remotePort === undefined ? '' : ` to ${remoteAddress}:${remotePort}`
  const states = [
    socket.connecting && 'connecting',
    socket.isPaused() && 'paused',
    socket.destroyed && 'destroyed',
    socket.readableEnded && 'read to its end',
    socket.writableEnded && 'ended here',
    socket.writableLength > 0 && `${socket.writableLength} bytes not sent`,
  ].filter((state) => state !== false)
  return `socket, ${here}${there}${states.map((state) => `, ${state}`).join('')}`
}

function describeRequest(request: object): string {
  const { address, port } = request as { address?: string; port?: number }
  return `${request.constructor.name} under way${address === undefined ? '' : ` to ${address}:${port}`}`
}

function keepsAlive(timer: Timer): boolean {
  return timer.hasRef()
}

function describeTimer({ _idleTimeout, _repeat, _onTimeout }: Timer): string {
  const what = typeof _onTimeout === 'function' ? String(_onTimeout).replaceAll(/\s+/g, ' ') : 'nothing'
  return cut(`timer of ${_idleTimeout} ms${_repeat === null ? '' : ', again and again'}: ${what}`)
}

/** What Node counts, for kinds that have no handle to look at. */
function countKinds(): string {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts].map(([kind, count]) => `${count} × ${kind}`).join(', ') || 'none'
}

function cut(text: string): string {
  return text.length > TEXT_LIMIT ? `${text.slice(0, TEXT_LIMIT)}…` : text
}
