/**
 * What a task costs each process of a stage in processor time: hardly moved by whatever else the machine does.
 * Called by scenarios; Linux only.
 */
import { cpuUsOf } from './cpu.ts'
import { driveWrk, type RequestKind } from './load.ts'
import type { Stage } from './stage.ts'

/** µs a task by name of a process; those of one name together. */
export type Costs = ReadonlyMap<string, number>

export async function measureCosts(
  stage: Stage,
  url: string,
  request: RequestKind,
  load: { connections: number; seconds: number },
): Promise<Costs> {
  const before = stage.running.map(({ pid }) => cpuUsOf(pid))
  const rate = await driveWrk(url, request, load)
  const costs = new Map<string, number>()
  stage.running.forEach(({ pid, name }, index) => {
    const us = (cpuUsOf(pid) - (before[index] ?? 0)) / (rate * load.seconds)
    costs.set(name, (costs.get(name) ?? 0) + us)
  })
  return costs
}

/** What hardly took part is left out. */
export function describeCosts(name: string, costs: Costs): string {
  const sum = [...costs.values()].reduce((all, us) => all + us, 0)
  const parts = [...costs].filter(([, us]) => us > sum / 100).map(([part, us]) => `${part} ${us.toFixed(1)}`)
  return `${name}: ${parts.join(', ')} µs`
}
