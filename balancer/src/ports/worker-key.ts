/**
 * The core's name for a worker: its id, and numbered anew when its entry gets another URL. Made by the fleet,
 * undone wherever the core's word is shown. Invariant: outside the balancer a worker has its id alone.
 */

export function renewedKey(id: string, count: number): string {
  return `${id}#${count}`
}

export function shownId(key: string): string {
  const at = key.lastIndexOf('#')
  return at < 0 ? key : key.slice(0, at)
}
