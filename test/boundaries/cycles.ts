/**
 * Finds cycles of files that load each other at run time.
 * Called by the boundary check. Type-only imports are erased and an `import()` comes later: neither counts.
 */
import type { Sources } from './sources.ts'

export type Cycle = { path: string; line: number; text: string }

type Edge = { target: string; line: number; specifier: string }

/** One entry for each import that closes a cycle, with the whole way round. */
export function findCycles({ files }: Sources): Cycle[] {
  const edges = new Map<string, Edge[]>()
  for (const { path, imports } of files) {
    edges.set(
      path,
      imports.flatMap(({ isStatic, isTypeOnly, target, line, specifier }) =>
        isStatic && !isTypeOnly && target ? [{ target, line, specifier }] : [],
      ),
    )
  }
  const cycles: Cycle[] = []
  const finished = new Set<string>()
  const way: string[] = []
  const visit = (path: string): void => {
    way.push(path)
    for (const { target, line, specifier } of edges.get(path) ?? []) {
      const start = way.indexOf(target)
      if (start >= 0) {
        const round = [...way.slice(start), target].join(' → ')
        cycles.push({ path, line, text: `imports ${specifier}: it closes the cycle ${round}` })
      } else if (!finished.has(target)) visit(target)
    }
    way.pop()
    finished.add(path)
  }
  for (const { path } of files) if (!finished.has(path)) visit(path)
  return cycles
}
