/**
 * Looks names up as the system does, a few at a time. Each look-up holds one of the four threads on which Node also
 * reads files, for as long as a name server likes: names that others choose must not take all of them. Used by
 * `outbound.ts`.
 * Invariants: at most three look-ups are under way; of one name one, whose answer all get who asked meanwhile.
 */
import { lookup as systemLookup } from 'node:dns'

export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** All addresses of a name, as the connection would use them; rejects when it has none. */
export type Resolve = (name: string) => Promise<readonly ResolvedAddress[]>

const AT_ONCE = 3

/** A bounded `resolve`; `atOnce` look-ups run, others wait for their turn. */
export function createLookups(resolve: Resolve, atOnce = AT_ONCE): Resolve {
  const underWay = new Map<string, Promise<readonly ResolvedAddress[]>>()
  const waiting: (() => void)[] = []
  let active = 0

  const run = async (name: string): Promise<readonly ResolvedAddress[]> => {
    if (active >= atOnce) await new Promise<void>((go) => waiting.push(go))
    else active++
    try {
      return await resolve(name)
    } finally {
      underWay.delete(name)
      // Whoever is next takes this place.
      const next = waiting.shift()
      if (next) next()
      else active--
    }
  }

  return (name) => {
    const known = underWay.get(name)
    if (known) return known
    // Noted before it begins: it may end at once.
    const found = Promise.resolve(name).then(run)
    underWay.set(name, found)
    return found
  }
}

/** One for the process, whose threads it spares. */
export const resolveBySystem: Resolve = createLookups(
  (name) =>
    new Promise((resolve, reject) => {
      systemLookup(name, { all: true }, (error, addresses) => {
        if (error) reject(error)
        else resolve(addresses)
      })
    }),
)
