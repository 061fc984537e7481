/**
 * JSON pointers (RFC 6901) as links between functions use them: read a value out of an output, put one into an
 * input. Pure. Invariant: what is read is never changed; a put gives a copy.
 */
import { isObject } from '../form/field.ts'

export type Found = { readonly ok: true; readonly value: unknown } | { readonly ok: false }

export function isPointer(text: string): boolean {
  return text === '' || (text.startsWith('/') && !/~(?![01])/.test(text))
}

/** The value at a pointer; '' is the whole. */
export function readPointer(value: unknown, pointer: string): Found {
  let at = value
  for (const part of partsOf(pointer)) {
    if (Array.isArray(at) && isPlace(part) && Number(part) < at.length) at = at[Number(part)]
    else if (isObject(at) && Object.hasOwn(at, part)) at = at[part]
    else return { ok: false }
  }
  return { ok: true, value: at }
}

/** A copy with `value` at the pointer. What is missing or in the way above it becomes an object. */
export function putPointer(target: unknown, pointer: string, value: unknown): unknown {
  const [part, ...rest] = partsOf(pointer)
  if (part === undefined) return value
  const below = rest.map((one) => `/${escapePart(one)}`).join('')
  if (Array.isArray(target) && isPlace(part) && Number(part) <= target.length) {
    const at = Number(part)
    return [...target.slice(0, at), putPointer(target[at], below, value), ...target.slice(at + 1)]
  }
  const own = isObject(target) ? target : {}
  const inner = Object.hasOwn(own, part) ? own[part] : undefined
  // Own members whatever their name, `__proto__` too.
  return Object.fromEntries([...Object.entries(own), [part, putPointer(inner, below, value)]])
}

/** The pointers of a value, the nearest first, at most `limit`: what a picker offers. */
export function listPointers(value: unknown, limit: number): string[] {
  const found = ['']
  const queue: { readonly pointer: string; readonly value: unknown }[] = [{ pointer: '', value }]
  for (const at of queue) {
    const entries = Array.isArray(at.value)
      ? at.value.slice(0, 3).map((item, index) => [String(index), item] as const)
      : isObject(at.value)
        ? Object.entries(at.value)
        : []
    for (const [name, member] of entries) {
      if (found.length >= limit) return found
      const pointer = `${at.pointer}/${escapePart(name)}`
      found.push(pointer)
      queue.push({ pointer, value: member })
    }
  }
  return found
}

function isPlace(part: string): boolean {
  return /^(?:0|[1-9]\d{0,8})$/.test(part)
}

function partsOf(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function escapePart(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1')
}
