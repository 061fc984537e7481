/** Owns the prefix before each line of a child: its name, as wide as the widest so far, and a bar. */

const WIDTH_LIMIT = 24

/** A function that puts the prefix before a line; one for all children, so that the bars stand in a row. */
export function createPrefixer(): (name: string, line: string) => string {
  let width = 'balancer'.length
  return (name, line) => {
    width = Math.min(WIDTH_LIMIT, Math.max(width, name.length))
    return `${name.padEnd(width)} │ ${line}`
  }
}
