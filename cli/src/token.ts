/**
 * The command `token`: asks the running balancer for a sign-in token and prints the dashboard's address with
 * it. The balancer is the one `start` wrote down, else the one that HOST and PORT name.
 */
import { CONFIG_EXIT_CODE, type ConfigError } from '@berth/runtime'
import { createBalancerClient } from './balancer-client.ts'
import { type CliConfig, findClientKey, formatAddress, readCliConfig } from './config.ts'
import { formatSignInAddress } from './screen.ts'
import { isStartAlive, readStartFile } from './start-file.ts'

export type TokenContext = { env: NodeJS.ProcessEnv; print: (line: string) => void }

export async function runToken({ env, print }: TokenContext): Promise<number> {
  const read = readCliConfig(env)
  if (!read.ok) return reportConfigErrors(read.errors, print)
  const { config } = read
  const address = findAddress(config)
  const key = findClientKey(config)
  if (key === undefined) {
    print(
      `There is no key: LB_AUTH_KEY is not set and ${config.dataDir} holds none. Start a balancer first: npx -y pnpm@12 start`,
    )
    return 1
  }
  const answer = await createBalancerClient(address, key).makeSignInToken()
  if (answer.ok) {
    print(formatSignInAddress(address, answer.token))
    return 0
  }
  if (answer.reason === 'unreachable') {
    print(`No balancer answers at ${address} (${answer.detail}). Start one: npx -y pnpm@12 start`)
  } else if (answer.reason === 'unauthorized') {
    const source = config.givenKeys.client === undefined ? `the key in ${config.dataDir}` : 'LB_AUTH_KEY'
    print(
      `The balancer at ${address} refused ${source}. Use the key, or the DATA_DIR, that it was started with.`,
    )
  } else {
    print(`What listens at ${address} made no token: ${answer.detail}. Is it a Berth balancer?`)
  }
  return 1
}

function findAddress(config: CliConfig): string {
  const record = readStartFile(config.dataDir)
  return record !== undefined && isStartAlive(record)
    ? record.address
    : formatAddress(config.host, config.port)
}

export function reportConfigErrors(errors: readonly ConfigError[], print: (line: string) => void): number {
  for (const { variable, message } of errors) print(`${variable} ${message}`)
  return CONFIG_EXIT_CODE
}
