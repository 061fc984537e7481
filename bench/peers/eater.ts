/**
 * Uses a share of one processor and has nothing to do with anybody: what a browser takes from a machine without what
 * it asks of a balancer. Started by the scenario `dashboard`. Argument: the share, 0 to 1; it is taken in pieces,
 * sixty a second, as a page that draws does.
 */
const EVERY_MS = 1_000 / 60
const share = Number(process.argv[2])

/** Processor time, so that it takes its share on a full machine too. */
function usedMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

setInterval(() => {
  const endsAt = usedMs() + share * EVERY_MS
  while (usedMs() < endsAt);
}, EVERY_MS)
process.stdout.write('eating\n')
