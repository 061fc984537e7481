/**
 * The filter as the address has it, so that a view can be sent to somebody: `q`, `state=ready,draining`, `group`,
 * `contract`, `version`, `tag=zone:eu,zone:us`. Pure. A comma within a value is escaped; what cannot be read is
 * left out, never guessed.
 */
import { type FacetName, type Picked, PLAIN_FACETS } from './worker-filter.ts'

export interface FilterAddress {
  readonly q: string
  readonly state: string
  readonly group: string
  readonly contract: string
  readonly version: string
  readonly tag: string
}

export function readPicked(address: Omit<FilterAddress, 'q'>): Picked {
  const picked = new Map<FacetName, Set<string>>()
  for (const name of PLAIN_FACETS) {
    const values = splitList(address[name])
    if (values.length > 0) picked.set(name, new Set(values))
  }
  for (const pair of splitList(address.tag)) {
    const at = pair.indexOf(':')
    if (at < 1) continue
    const name: FacetName = `tag:${pair.slice(0, at)}`
    const values = picked.get(name) ?? new Set<string>()
    picked.set(name, values.add(pair.slice(at + 1)))
  }
  return picked
}

export function writePicked(picked: Picked): Omit<FilterAddress, 'q'> {
  const of = (name: FacetName) => joinList([...(picked.get(name) ?? [])])
  const tags = [...picked].flatMap(([name, values]) =>
    name.startsWith('tag:') ? [...values].map((value) => `${name.slice(4)}:${value}`) : [],
  )
  return {
    state: of('state'),
    group: of('group'),
    contract: of('contract'),
    version: of('version'),
    tag: joinList(tags),
  }
}

function joinList(values: readonly string[]): string {
  return values.map((value) => value.replaceAll(/[\\,]/g, '\\$&')).join(',')
}

function splitList(text: string): string[] {
  const values = text.match(/(?:\\.|[^,\\])+/gs) ?? []
  return values.map((value) => value.replaceAll(/\\(.)/gs, '$1'))
}
