/**
 * Commands of the core on their way to the fleet: the core needs its dispatch before the fleet exists, and the fleet
 * needs the core. Made by compose.ts, which names the target before any task can come; until then nothing is sent.
 */
import type { Assignment, DispatchPort } from './ports/dispatch.ts'

export class LateDispatch implements DispatchPort {
  target: DispatchPort | undefined

  send(assignment: Assignment): void {
    this.target?.send(assignment)
  }

  recall(worker: string, attemptId: number): void {
    this.target?.recall(worker, attemptId)
  }

  cancel(...[worker, attemptId, reason]: Parameters<DispatchPort['cancel']>): void {
    this.target?.cancel(worker, attemptId, reason)
  }

  acknowledge(worker: string, attemptId: number, fence: number): void {
    this.target?.acknowledge(worker, attemptId, fence)
  }
}
