/** One or two words with a tone: a version, a policy, a count. States of workers and runs have marks of their own. */
import type { ReactNode } from 'react'
import { type Tone, ToneMark } from './marks.tsx'

interface Props {
  readonly tone?: Tone
  /** With the tone's shape before the words; needed wherever the tone says something the words do not. */
  readonly hasMark?: boolean
  readonly title?: string
  readonly children: ReactNode
}

export function Badge({ tone = 'calm', hasMark, title, children }: Props) {
  return (
    <span className={`badge badge-${tone}`} title={title}>
      {hasMark && <ToneMark tone={tone} />}
      {children}
    </span>
  )
}
