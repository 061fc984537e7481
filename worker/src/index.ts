/**
 * The public surface of `@berth/worker`: what function, service and tag files import.
 * Nothing here starts anything; the process is `main.ts`.
 */
export { type BytesResult, bytes } from './bytes/bytes.ts'
export { CallError } from './calls/call-error.ts'
export type { FileData } from './files/file-data.ts'
export { FileError } from './files/file-writer.ts'
export type { FileFacts, TaskFile, TaskFiles } from './files/task-files.ts'
export {
  type BackoffConfig,
  type Context,
  type ContextLog,
  defineFunction,
  defineService,
  type FunctionConfig,
  type FunctionDefinition,
  NonRetryable,
  type ParamSpec,
  type ParamSpecs,
  RetryAfter,
  type ServiceContext,
  type ServiceDefinition,
  type SetupContext,
  type Source,
  type StandardSchema,
  type Turn,
} from './functions/define.ts'
export { type CommandDefinition, type CommandSpec, defineCommand } from './isolate/define-command.ts'
