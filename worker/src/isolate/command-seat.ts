/**
 * Functions made by `defineCommand`: each attempt is a process. Made by `runners.ts`.
 * Invariant: an attempt ends only when nothing of its process group is left.
 */
import { resolve } from 'node:path'
import type { RegisteredFunction } from '../functions/registry.ts'
import type { CommandDefinition, CommandLine } from './define-command.ts'
import type { Runner } from './main-seat.ts'
import { type RunningCommand, runCommand } from './run-command.ts'
import type { Seat } from './seat.ts'
import type { ThreadPorts } from './thread.ts'
import type { Warden } from './warden.ts'

const GRACE_MS = 5_000

export interface CommandPorts extends Pick<ThreadPorts, 'folder' | 'processEnv'> {
  readonly warden: Warden
}

export class CommandRunner implements Runner {
  readonly #function: RegisteredFunction
  readonly #line: CommandLine
  readonly #ports: CommandPorts

  constructor(fn: RegisteredFunction, line: CommandLine, ports: CommandPorts) {
    this.#function = fn
    this.#line = line
    this.#ports = ports
  }

  claim(): Seat {
    let running: RunningCommand | undefined
    return {
      graceMs: this.#line.graceMs ?? GRACE_MS,
      call: async (input, context, limitBytes) => {
        const { folder, processEnv: env, warden } = this.#ports
        const watch = (group: number) => warden.watch(group)
        const cwd = resolve(folder, this.#line.cwd ?? '.')
        running = runCommand({ ...this.#line, cwd }, input, context, { limitBytes, env, watch })
        const finished = await running.done
        // An output schema is the attempt's to apply.
        return this.#function.checkOutput && finished.encoded.ok ? finished.read() : finished
      },
      kill: () => running?.kill(),
      free() {},
    }
  }

  stop(): void {}
}

/** The command behind a definition, of whichever copy of the package. */
export function commandOf(definition: object): CommandLine | undefined {
  return (definition as Partial<CommandDefinition>).command
}

/** Throws with a sentence on a command that cannot be used. */
export function checkCommand(line: CommandLine): void {
  const isText = (value: unknown) => typeof value === 'string' && !value.includes('\0')
  const { command, args = [], env = {}, cwd = '', graceMs = 0 } = line
  if (!isText(command) || command === '') throw new Error('has a `command` that is no text')
  if (!Array.isArray(args) || !args.every(isText)) throw new Error('has `args` that are no list of texts')
  if (typeof env !== 'object' || env === null || !Object.values(env).every(isText))
    throw new Error('has an `env` that is no object of texts')
  if (!isText(cwd)) throw new Error('has a `cwd` that is no text')
  if (!(typeof graceMs === 'number' && graceMs >= 0 && graceMs <= 600_000))
    throw new Error('has a `graceMs` that is not within 0 … 600,000')
}
