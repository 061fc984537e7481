/**
 * Gathers what is to be done at the end of the present turn of the event loop, and does it in one go.
 * Servers hand their answers over this way: the receiver on the other side is woken once for all the
 * answers of a turn instead of once for each, which on loopback is most of what an answer costs.
 * Invariant: acts run in order, each once, and one that throws does not keep the next from running.
 */
export type TurnEnd = (act: () => void) => void

export function createTurnEnd(onError: (error: unknown) => void): TurnEnd {
  let waiting: (() => void)[] = []
  const flush = () => {
    const acts = waiting
    waiting = []
    for (const act of acts) {
      try {
        act()
      } catch (error) {
        onError(error)
      }
    }
  }
  return (act) => {
    if (waiting.length === 0) setImmediate(flush)
    waiting.push(act)
  }
}
