/**
 * The command `down`: stops what `start` began, by the pids it wrote down. A living `start` is asked and
 * drains its children itself; when it was killed, its children are asked one by one.
 * Invariant: only a process that is the one written down gets a signal, and the wait has an end.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isSameProcess } from '@berth/runtime'
import { readCliConfig } from './config.ts'
import {
  isStartAlive,
  listLiveChildren,
  readStartFile,
  removeStartFile,
  type StartRecord,
} from './start-file.ts'
import { reportConfigErrors } from './token.ts'

const POLL_MS = 50
/** Over what the drains may take: the balancer's, then the workers'. */
const MARGIN_MS = 10_000

export type DownContext = { env: NodeJS.ProcessEnv; print: (line: string) => void; marginMs?: number }

type Target = { name: string; pid: number; identity?: string }

export async function runDown({ env, print, marginMs = MARGIN_MS }: DownContext): Promise<number> {
  const read = readCliConfig(env)
  if (!read.ok) return reportConfigErrors(read.errors, print)
  const { dataDir } = read.config
  const record = readStartFile(dataDir)
  const targets = record === undefined ? [] : listTargets(record)
  if (record === undefined || targets.length === 0) {
    print('Nothing is running that `start` began.')
    removeStartFile(dataDir)
    return 0
  }
  const limitMs = 2 * record.shutdownTimeoutMs + marginMs
  print(`Stopping ${describeProcesses(record)}: what runs is finished first …`)
  for (const target of targets) send(target, target.pid, 'SIGTERM')
  if (await waitUntilGone(() => listTargets(record), limitMs)) {
    print('Stopped.')
  } else {
    const late = [...listTargets(record), ...listLiveChildren(record)]
    print(
      `Still there after ${Math.round(limitMs / 1000)} s, killed: ${late.map(({ name }) => name).join(', ')}`,
    )
    // A child leads a group, with whatever it started; `start` itself shares its group with pnpm.
    for (const target of late) send(target, target.pid === record.pid ? target.pid : -target.pid, 'SIGKILL')
    await waitUntilGone(() => [...listTargets(record), ...listLiveChildren(record)], marginMs)
  }
  removeStartFile(dataDir)
  return 0
}

/** A living `start` looks after its own; without one, its children are ours to stop, the balancer first. */
function listTargets(record: StartRecord): Target[] {
  if (isStartAlive(record)) return [{ name: 'start', pid: record.pid, identity: record.identity }]
  return listLiveChildren(record)
}

function describeProcesses(record: StartRecord): string {
  const all: Target[] = [
    ...listTargets(record).filter(({ pid }) => pid === record.pid),
    ...listLiveChildren(record),
  ]
  return all.map(({ name, pid }) => `${name} (${pid})`).join(', ')
}

function send({ pid, identity }: Target, to: number, signal: NodeJS.Signals): void {
  if (!isSameProcess(pid, identity)) return
  try {
    process.kill(to, signal)
  } catch {}
}

async function waitUntilGone(list: () => readonly Target[], limitMs: number): Promise<boolean> {
  const endsAtMs = performance.now() + limitMs
  while (list().length > 0) {
    if (performance.now() >= endsAtMs) return false
    await sleep(POLL_MS)
  }
  return true
}
