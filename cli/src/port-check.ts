/**
 * Owns the questions about TCP ports: is this one free, who has it, does somebody listen there.
 * Called by `start` before it spawns anything, and for each local worker. The answers are of the moment:
 * whoever binds later still has to handle a port that is taken.
 * Invariant: nothing stays open.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'

export type PortCheck = { ok: true; port: number } | { ok: false; message: string }

/** Whether `port` can be bound; 0 becomes one that the system chose. The message is one line with the cure. */
export async function checkPort(host: string, port: number): Promise<PortCheck> {
  if (port !== 0 && (await isListening(host, port))) return { ok: false, message: describeUse(host, port) }
  const { promise, resolve } = Promise.withResolvers<PortCheck>()
  const server = createServer()
  server.once('error', (error: NodeJS.ErrnoException) =>
    resolve({ ok: false, message: describeBind(host, port, error) }),
  )
  server.listen({ host, port }, () => {
    const bound = (server.address() as AddressInfo).port
    server.close(() => resolve({ ok: true, port: bound }))
  })
  return promise
}

function describeBind(host: string, port: number, error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return describeUse(host, port)
  if (error.code === 'EACCES')
    return `port ${port} is not open to this user; choose one from 1024 up: ${suggest(port)}`
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return `HOST ${host} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all of them`
  }
  return `port ${port} on ${host} cannot be used (${error.code ?? error.message}); choose another: ${suggest(port)}`
}

function describeUse(host: string, port: number): string {
  const holder = findListener(port)
  const by = holder === undefined ? '' : ` by process ${holder.pid} (${holder.name})`
  return `port ${port} on ${host} is in use${by}; stop that, or choose another port: ${suggest(port)}`
}

function suggest(port: number): string {
  const other = port < 1024 ? port + 8000 : port < 65_535 ? port + 1 : port - 1
  return `PORT=${other} npx -y pnpm@12 start`
}

/** Whether a connection is accepted there within `limitMs`. */
export function isListening(host: string, port: number, limitMs = 500): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const target = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const socket = connect({ host: target, port, timeout: limitMs })
  const finish = (answer: boolean) => {
    socket.destroy()
    resolve(answer)
  }
  socket.once('connect', () => finish(true))
  socket.once('timeout', () => finish(false))
  socket.on('error', () => finish(false))
  return promise
}

/** The process that listens on a port, where /proc tells and it is one of ours. */
export function findListener(port: number): { pid: number; name: string } | undefined {
  try {
    const inodes = listListeningInodes(port)
    if (inodes.size === 0) return undefined
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (hasSocket(pid, inodes))
        return { pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() }
    }
  } catch {}
  return undefined
}

function listListeningInodes(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const LISTEN = '0A'
  const inodes = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const row of readFileSync(table, 'latin1').split('\n').slice(1)) {
      const columns = row.trim().split(/\s+/)
      if (columns[1]?.endsWith(suffix) && columns[3] === LISTEN && columns[9] !== undefined)
        inodes.add(columns[9])
    }
  }
  return inodes
}

function hasSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readLinkOrNothing(`/proc/${pid}/fd/${fd}`))?.[1]
      return inode !== undefined && inodes.has(inode)
    })
  } catch {
    return false
  }
}

function readLinkOrNothing(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
