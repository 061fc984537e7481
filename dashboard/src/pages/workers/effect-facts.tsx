/** A foretold effect as the lines of a dialog, what hurts most marked. */
import type { Fact } from '../../kit/confirm.tsx'
import { formatCount, formatDuration, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import type { Foretold } from './foretold.ts'

const NAMED_GROUPS = 4
const NAMED_FUNCTIONS = 6
/** From this share of a group's slots on the line is marked. */
const MUCH = 0.5

export function factsOfEffect({ effect, items }: Foretold, hasDeadline: boolean): Fact[] {
  const words = text.workers.effect
  const refused = items.filter(({ status }) => status !== 200).length
  const out = items.length - refused - effect.workers
  const facts: Fact[] = [
    {
      label: words.workers,
      value: [formatCount(effect.workers), out > 0 && words.outAlready(out)].filter(Boolean).join(', '),
    },
    ...groupFacts(effect),
    { label: words.running, value: runningWords(effect) },
  ]
  if (hasDeadline)
    facts.push({
      label: words.exceeding,
      value: words.exceedingCount(effect.exceeding),
      tone: effect.exceeding > 0 ? 'warn' : 'ok',
    })
  facts.push({
    label: words.functions,
    value: functionWords(effect.functionsLeft),
    tone: effect.functionsLeft.length > 0 ? 'bad' : 'ok',
  })
  if (refused > 0) facts.push({ label: words.refused, value: words.refusedCount(refused), tone: 'warn' })
  return facts
}

function groupFacts({ groups, slotsLost }: Foretold['effect']): Fact[] {
  const words = text.workers.effect
  if (groups.length === 0) return [{ label: words.slots, value: words.noSlots }]
  const named = groups.slice(0, NAMED_GROUPS).map(
    (group): Fact => ({
      label: words.slotsOf(`${visible(group.group)}@${group.contract}`),
      value: words.slotsLost(group.slotsLost, group.slots, formatShare(group.slotsLostShare), group.freeLeft),
      tone: group.workersLeft === 0 ? 'bad' : group.slotsLostShare >= MUCH ? 'warn' : undefined,
    }),
  )
  const more = groups.length - named.length
  return more > 0 ? [...named, { label: words.moreGroups(more), value: words.slotsInAll(slotsLost) }] : named
}

function runningWords({ running, remaining }: Foretold['effect']): string {
  const words = text.workers.effect
  if (running === 0) return words.nothingRuns
  return remaining === null ? words.runs(running) : words.runsUntil(running, formatDuration(remaining))
}

function functionWords(functions: Foretold['effect']['functionsLeft']): string {
  const words = text.workers.effect
  if (functions.length === 0) return words.allServed
  const names = functions.slice(0, NAMED_FUNCTIONS).map(({ name }) => visible(name))
  const more = functions.length - names.length
  return words.unserved(functions.length, names.join(', '), more)
}
