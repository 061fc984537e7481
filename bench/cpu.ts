/**
 * What a task costs each process in processor time, from the kernel's own accounts: hardly moved by whatever
 * else the machine does, so small steps can be seen. Called by the scenario `cost`; Linux only.
 */
import { readFileSync } from 'node:fs'

/** A tick of the kernel's accounts, µs: 100 a second on every Linux that Node runs on. */
const TICK_US = 10_000

/** µs of processor time that a process and its children have used so far, the kernel's work for them included. */
export function cpuUsOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return children.reduce((sum, child) => sum + cpuUsOf(Number(child)), ownUs(pid))
}

function ownUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold anything, so the fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}
