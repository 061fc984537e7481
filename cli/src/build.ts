/** The command `build`: builds the dashboard, whether or not a build is there, and says where it lies. */
import { buildDashboard } from './dashboard-build.ts'

export type BuildContext = { root: string; env: NodeJS.ProcessEnv; print: (line: string) => void }

export async function runBuild({ root, env, print }: BuildContext): Promise<number> {
  const startedAtMs = performance.now()
  const built = await buildDashboard(root, env)
  if (built.state === 'failed') {
    print(`The dashboard could not be built: ${built.message}`)
    return 1
  }
  print(
    `The dashboard is built in dashboard/dist (${((performance.now() - startedAtMs) / 1000).toFixed(1)} s)`,
  )
  return 0
}
