/**
 * Arrival, service and latency of each task of a long run, three numbers a task: what is left when
 * nothing else is to be judged. Written by world.ts as tasks end, read by cell.ts.
 */
export class Times {
  readonly #arrivals: number[] = []
  readonly #services: number[] = []
  readonly #latencies: number[] = []

  note(arrivedAt: number, serviceMs: number, latencyMs: number): void {
    this.#arrivals.push(arrivedAt)
    this.#services.push(serviceMs)
    this.#latencies.push(latencyMs)
  }

  get latencies(): Float64Array {
    return Float64Array.from(this.#latencies)
  }

  /** In order of arrival: when each came and what it asks of a slot of speed 1. */
  get arrivals(): { readonly at: number; readonly serviceMs: number }[] {
    const arrivals = this.#arrivals.map((at, index) => ({ at, serviceMs: this.#services[index] as number }))
    return arrivals.sort((a, b) => a.at - b.at)
  }
}
