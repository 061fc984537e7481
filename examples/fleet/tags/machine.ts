/**
 * What a caller may want to choose a machine by: `{"tags": {"cpus": ">=8", "platform": "linux"}}`.
 * Asked by the worker; a tag set by an operator or in `TAGS` goes before these.
 */
import { availableParallelism, totalmem } from 'node:os'

export function tags(): Record<string, string | number> {
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cpus: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
  }
}
