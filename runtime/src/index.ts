/**
 * The public surface of the runtime package: what every process needs to be a good server.
 * Imported by the balancer, the worker and the command line. Knows no words of the domain.
 */
export * from './backoff.ts'
export * from './clock.ts'
export * from './config.ts'
export * from './event-stream.ts'
export * from './files.ts'
export * from './half-open.ts'
export * from './heap.ts'
export * from './keys.ts'
export * from './lifecycle.ts'
export * from './lifeline.ts'
export * from './log.ts'
export * from './outbound.ts'
export * from './outbound-addresses.ts'
export * from './outbound-rules.ts'
export * from './problem.ts'
export * from './process-identity.ts'
export * from './request-fault.ts'
export * from './socket-answer.ts'
export * from './turn-end.ts'
export * from './webhook-signature.ts'
