/**
 * Arrival, service and latency of each task of a long run, three numbers a task: what is kept when
 * nothing else is to be judged. Written by world.ts by the number of the task, read by cell.ts.
 */
export class Times {
  /** In order of arrival: when each came, and what it asks of a slot of speed 1. */
  readonly arrivals: Float64Array
  readonly services: Float64Array
  readonly latencies: Float64Array

  constructor(tasks: number) {
    this.arrivals = new Float64Array(tasks)
    this.services = new Float64Array(tasks)
    this.latencies = new Float64Array(tasks)
  }

  arrived(task: number, at: number, serviceMs: number): void {
    this.arrivals[task] = at
    this.services[task] = serviceMs
  }

  list(): { readonly at: number; readonly serviceMs: number }[] {
    return Array.from(this.arrivals, (at, task) => ({ at, serviceMs: this.services[task] as number }))
  }

  ended(task: number, at: number): void {
    this.latencies[task] = at - (this.arrivals[task] as number)
  }
}
