/**
 * What a process holds open, by the word of the kernel. Read by site.ts before the first fault and at rest.
 * Linux only; elsewhere, and for a process that has gone, everything here is undefined.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const PAGE_BYTES = 4_096
/** Of the states in /proc/net/tcp. */
const LISTENING = '0A'

/** The store's threads open its file when they first need it, some seconds after the start. */
const STORE_FILE = /\/berth\.db(?:-\w+)?$/

/** Open descriptors, but for the connections of callers to `port`, who come and go as they like, and the store's. */
export function countDescriptors(pid: number, port: number): number | undefined {
  try {
    const callers = socketsOfCallers(pid, port)
    const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(pid, fd))
    return targets.filter((target) => !callers.has(target) && !STORE_FILE.test(target)).length
  } catch {
    return undefined
  }
}

export function residentBytes(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES
  } catch {
    return undefined
  }
}

/** A descriptor may be closed while the list is read. */
function targetOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch {
    return ''
  }
}

/** As links of /proc/…/fd name them, with the name of one that is closed already. */
function socketsOfCallers(pid: number, port: number): Set<string> {
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)
  const sockets = new Set([''])
  for (const line of lines) {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    const isHere = Number.parseInt(local.split(':')[1] ?? '', 16) === port
    if (isHere && state !== LISTENING) sockets.add(`socket:[${inode}]`)
  }
  return sockets
}
