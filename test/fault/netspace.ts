/**
 * A network of our own: this process stands in a namespace as the router between places, each of them a namespace
 * with one address, and cuts or slows what it forwards. Its own talk with the places passes whatever is cut.
 * Used by the files `nightly/*.netns.ts`, which main.ts starts by `unshare`. Linux only.
 * Invariant: it refuses to work where it could touch anybody else, and all it has made ends with its processes.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from '../harness/berth.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'

/** Nobody answers there, and nobody says so. */
export const NOWHERE = '10.77.99.9'
const NOWHERE_NET = '10.77.99.0/24'

/** The command that starts a program in namespaces of its own; as one who is not root, with a user namespace. */
export const UNSHARE: readonly string[] = ['unshare', process.getuid?.() === 0 ? '-mn' : '-rmn', '--']

/** Why there can be no such network here; undefined when there can. */
export function whyNoNetspace(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux'
  const [file = '', ...args] = UNSHARE
  for (const command of [
    ['ip', '-V'],
    ['tc', '-V'],
    [file, ...args, 'ip', 'link', 'set', 'lo', 'up'],
  ]) {
    const [name = '', ...rest] = command
    const { status, error, stderr } = spawnSync(name, rest, { encoding: 'utf8' })
    if (status !== 0) return `"${command.join(' ')}" fails here: ${error?.message ?? stderr.trim()}`
  }
  return undefined
}

type Node = { readonly index: number; readonly host: string; readonly router: string }

export class Netspace {
  readonly #scope: Scope
  readonly #nodes = new Map<string, Node>()

  private constructor(scope: Scope) {
    this.#scope = scope
  }

  /** With a place for each name. */
  static open(scope: Scope, ...names: readonly string[]): Netspace {
    assertOwn()
    run('mount', '-t', 'tmpfs', 'tmpfs', '/run')
    run('ip', 'link', 'set', 'lo', 'up')
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
    run('ip', 'route', 'add', 'blackhole', NOWHERE_NET)
    const space = new Netspace(scope)
    for (const name of names) space.#add(name)
    return space
  }

  #add(name: string): void {
    const index = this.#nodes.size + 1
    const node = { index, host: `10.77.${index}.2`, router: `10.77.${index}.1` }
    this.#nodes.set(name, node)
    run('ip', 'netns', 'add', name)
    run('ip', 'link', 'add', linkOf(name), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    run('ip', 'addr', 'add', `${node.router}/24`, 'dev', linkOf(name))
    run('ip', 'link', 'set', linkOf(name), 'up')
    this.#within(name, 'ip', 'link', 'set', 'lo', 'up')
    this.#within(name, 'ip', 'addr', 'add', `${node.host}/24`, 'dev', 'eth0')
    this.#plug(name)
  }

  place(name: string): Place {
    return { host: this.#node(name).host, within: ['nsenter', `--net=/run/netns/${name}`, '--'] }
  }

  /** The router's own address on the side of a place. */
  routerOf(name: string): string {
    return this.#node(name).router
  }

  /** Nothing passes from one to the other any more, and neither is told. */
  cut(from: string, to: string): void {
    run('ip', 'rule', 'add', ...this.#way(from, to))
  }

  heal(from: string, to: string): void {
    run('ip', 'rule', 'del', ...this.#way(from, to))
  }

  /** Its cable is out: it has no way to anybody. */
  unplug(name: string): void {
    this.#within(name, 'ip', 'link', 'set', 'eth0', 'down')
  }

  plug(name: string): void {
    this.#plug(name)
  }

  /** What is sent to it passes at this rate; `rate` as `tc` reads it, `1mbit`. */
  slow(name: string, rate: string): void {
    const limits = ['rate', rate, 'burst', '16kb', 'latency', '100ms']
    run('tc', 'qdisc', 'add', 'dev', linkOf(name), 'root', 'tbf', ...limits)
  }

  fast(name: string): void {
    run('tc', 'qdisc', 'del', 'dev', linkOf(name), 'root')
  }

  /** Lays a file of our own over one of the machine's, for the processes of these namespaces; answers its path. */
  async cover(path: '/etc/hosts' | '/etc/resolv.conf', text: string): Promise<string> {
    const folder = await makeFolder(this.#scope, 'netspace')
    const cover = join(folder, 'cover')
    writeFileSync(cover, text)
    run('mount', '--bind', cover, path)
    this.#scope.after(() => void run('umount', path))
    return cover
  }

  #plug(name: string): void {
    this.#within(name, 'ip', 'link', 'set', 'eth0', 'up')
    this.#within(name, 'ip', 'route', 'replace', 'default', 'via', this.#node(name).router)
  }

  #way(from: string, to: string): string[] {
    return ['from', this.#node(from).host, 'to', this.#node(to).host, 'blackhole']
  }

  #within(name: string, ...command: string[]): void {
    run('ip', 'netns', 'exec', name, ...command)
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name)
    assert.ok(node, `there is no place ${name}`)
    return node
  }
}

/** A network that has more than its loopback, or the mounts of whoever started us, is somebody's. */
function assertOwn(): void {
  const links = run('ip', '-o', 'link').trim().split('\n')
  assert.ok(
    links.length === 1 && /^1: lo:/.test(links[0] ?? ''),
    'this file works in a network namespace of its own only: start it by `pnpm faults`',
  )
  const mounts = [process.pid, process.ppid].map((pid) => readlinkSync(`/proc/${pid}/ns/mnt`))
  assert.notEqual(mounts[0], mounts[1], 'this file works in a mount namespace of its own only')
}

function linkOf(name: string): string {
  return `to-${name}`
}

function run(file: string, ...args: string[]): string {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
