/**
 * `defineCommand`: makes a function of any executable that reads JSON on standard input and writes JSON on standard
 * output. What user files import; the worker runs it by `command-seat.ts`.
 */
import {
  FUNCTION_KIND,
  type FunctionConfig,
  type FunctionDefinition,
  type ParamSpecs,
  type StandardSchema,
} from '../functions/define.ts'
import { runCommand } from './run-command.ts'

/** What is started for each attempt, without a shell. */
export interface CommandLine {
  /** A name found in PATH, or a path; a relative one counts from `cwd`. */
  readonly command: string
  readonly args?: readonly string[]
  /** Laid over the environment of the worker (without its keys) and FUNCTION_ENV_FILE. */
  readonly env?: Readonly<Record<string, string>>
  /** Default the project folder; a relative one counts from there. */
  readonly cwd?: string
  /** From SIGTERM to SIGKILL in milliseconds, when the attempt is over and the command is not; default 5000. */
  readonly graceMs?: number
}

export interface CommandSpec extends CommandLine {
  /** Without `input` and `params` it takes any object. */
  readonly input?: StandardSchema
  readonly params?: ParamSpecs
  readonly output?: StandardSchema
  /** As for `defineFunction`; `isolation` means nothing here. */
  readonly config?: Omit<FunctionConfig, 'isolation'>
}

export interface CommandDefinition extends FunctionDefinition {
  readonly command: CommandLine
}

/** Longest result outside of a worker, where nobody names a limit. */
const ALONE_LIMIT_BYTES = 10 * 1024 * 1024

const ANY_OBJECT: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'berth',
    validate: (value) => ({ value }),
    jsonSchema: { input: () => ({ type: 'object', additionalProperties: true }) },
  } as StandardSchema['~standard'],
}

/**
 * Makes a file's default export a function. The input is written to standard input as one JSON text, standard output
 * is the result as JSON (nothing: null), lines of standard error go to the log. An exit code that is not 0 is a
 * failure, with the end of standard error as its message. The command leads a process group of its own, which ends
 * with the attempt. It finds BERTH_RUN_ID, BERTH_ATTEMPT, BERTH_DEADLINE, TRACEPARENT and, where the task has one,
 * BERTH_SESSION and BERTH_BUDGET (JSON) in its environment. Lines of JSON that it writes to the pipe whose number is
 * BERTH_TELL_FD, such as `{"usage": {"steps": 1}}`, do what `ctx.usage`, `message`, `source` and `progress` do.
 */
export function defineCommand(spec: CommandSpec): CommandDefinition {
  const { command, args, env, cwd, graceMs, input, params, ...rest } = spec
  const line: CommandLine = { command, args, env, cwd, graceMs }
  return Object.freeze({
    ...rest,
    ...(params ? { params } : { input: input ?? ANY_OBJECT }),
    kind: FUNCTION_KIND,
    command: line,
    handler: async (given: unknown, ctx: Parameters<FunctionDefinition['handler']>[1]) => {
      const { done } = runCommand(line, given, ctx, { limitBytes: ALONE_LIMIT_BYTES })
      const result = (await done).read()
      return result
    },
  })
}
