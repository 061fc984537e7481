/**
 * What a member and its worker say to each other, whatever lies between them: a link of our own (link.ts), or the HTTP
 * of a worker of another make (foreign/). Types only.
 */
import type { CancelReason, FromBalancer, FromWorker, Occupancy, OutcomeHeader } from '@berth/protocol'
import type { Assignment } from '../ports/dispatch.ts'
import type { FilePiece } from '../ports/files.ts'
import type { StreamItem } from '../ports/stream.ts'
import type { Outcome } from '../ports/workforce.ts'
import type { HeardCall } from './calls.ts'

export interface LinkEvents {
  onMessage(message: FromWorker): void
  /** Any frame: a sign of life. */
  onFrame(): void
  onOccupancy(occupancy: Occupancy): void
  /** `isCold`: behind a setup. */
  onStarted(attemptId: number, isCold: boolean): void
  /** Whoever gets the item says when it is taken. */
  onItem(attemptId: number, item: StreamItem): void
  /** Whoever gets it says when its bytes are taken. */
  onFile(attemptId: number, piece: FilePiece): void
  onReturned(attemptId: number, why: 'busy' | 'recalled'): void
  onFinished(attemptId: number, outcome: Outcome): void
  /** A handler calls another function; `input` shares memory with its frame. */
  onCall(attemptId: number, call: HeardCall): void
  /** The worker spoke of a task that it does not have from this link; told once. */
  onStray(attemptId: number): void
  /** Something failed on our side while a frame was read; the link closes. */
  onFault(error: unknown): void
  onClosed(code: number, reason: string): void
}

/** A message without `at`, which the link stamps itself. */
export type Unstamped = FromBalancer extends infer M ? (M extends unknown ? Omit<M, 'at'> : never) : never

/** What a member says to its worker, whatever lies between them. */
export interface WorkerLink {
  task(assignment: Assignment): void
  /** Tasks of a former link that go on under these numbers. */
  adopt(attemptIds: readonly number[]): void
  recall(attemptId: number): void
  cancel(attemptId: number, reason: CancelReason): void
  acknowledge(attemptId: number, fence: number): void
  /** Answers a call of an attempt, unless that is over. */
  callResult(attemptId: number, call: number, header: OutcomeHeader, result: Uint8Array): void
  message(message: Unstamped): void
  close(code: number, reason: string): void
}
