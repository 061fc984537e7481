/**
 * What the supervisor of `--watch` and its workers say to each other over their IPC channel. Types and guards.
 *
 *   worker      warm ──load──▶ loading ──loaded──▶ waiting ──listen──▶ serving ──leave──▶ gone
 *                                 └──failed──▶ gone
 */
export type Cue =
  /** Load the project's files now. */
  | { readonly type: 'load' }
  /** The port is yours. */
  | { readonly type: 'listen' }
  /** Finish quickly and go. */
  | { readonly type: 'leave' }
  /** Newer files do not load; say so in your log. */
  | { readonly type: 'problem'; readonly text: string }

export type Report = { readonly type: 'loaded' } | { readonly type: 'failed'; readonly text: string }

/** Both ends are this program, so a look at the type is enough. */
export function typeOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message)) return undefined
  return typeof message.type === 'string' ? message.type : undefined
}

export function textOf(message: unknown): string {
  const { text } = message as { text?: unknown }
  return typeof text === 'string' ? text : ''
}
