/**
 * The entry of `pnpm start`, `pnpm build` and `pnpm berth <command>`: finds the command and runs it.
 * Each command lives in a file of its own, loaded only when it is asked for, so that `start` is quick.
 * Invariant: the environment and the exit code are touched here and nowhere else in this package.
 */
import { fileURLToPath } from 'node:url'
import { endProcess } from '@berth/runtime'

/** The repository's root, two folders above this file's. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A connection to the balancer that is kept for another request holds up no command for longer. */
const IDLE_CONNECTIONS_MS = 100

type Context = { root: string; env: NodeJS.ProcessEnv; print: (line: string) => void }
type Command = { summary: string; run: (context: Context) => Promise<number> }

const COMMANDS: Readonly<Record<string, Command>> = Object.freeze({
  start: {
    summary: 'start a balancer, the local workers of workers.json and the dashboard',
    run: async (context) => (await import('./start.ts')).runStart(context),
  },
  down: {
    summary: 'stop what `start` began',
    run: async (context) => (await import('./down.ts')).runDown(context),
  },
  token: {
    summary: "print a new one-time address of the running balancer's dashboard",
    run: async (context) => (await import('./token.ts')).runToken(context),
  },
  build: {
    summary: 'build the dashboard (`start` does it when it is needed)',
    run: async (context) => (await import('./build.ts')).runBuild(context),
  },
  help: {
    summary: 'print this list',
    run: async ({ print }) => {
      print(describeCommands())
      return 0
    },
  },
})

function describeCommands(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(7)} ${summary}`)
  return ['Usage: npx -y pnpm@12 berth <command>', '', ...lines].join('\n')
}

async function main(args: readonly string[]): Promise<number> {
  // What reads our output may go away, the terminal included; that is no reason to leave children behind.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  const name = args[0] === undefined || args[0] === '--help' || args[0] === '-h' ? 'help' : args[0]
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    process.stderr.write(`There is no command "${name}".\n${describeCommands()}\n`)
    return 2
  }
  const surplus = args[0] === name ? args.slice(1) : []
  if (surplus.length > 0) {
    process.stderr.write(
      `\`${name}\` takes no arguments; settings come from the environment (see .env.example)\n`,
    )
    return 2
  }
  return command.run({ root: ROOT, env: process.env, print: (line) => process.stdout.write(`${line}\n`) })
}

try {
  endProcess(await main(process.argv.slice(2)), IDLE_CONNECTIONS_MS)
} catch (error) {
  process.stderr.write(`berth: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
