/** German words of a JSON value that shows as a tree. */
import type { Messages } from '../en/index.ts'

export const json: Messages['json'] = {
  copy: (what) => `${what} kopieren`,
  hidden: 'verborgen',
  members: (n) => (n === 1 ? '{ 1 Eintrag }' : `{ ${n} Einträge }`),
  elements: (n) => (n === 1 ? '[ 1 Element ]' : `[ ${n} Elemente ]`),
  characters: (n) => `${n} Zeichen`,
  cut: (n) => `Die ersten ${n} Zeilen stehen da.`,
  more: (n) => `${n} weitere zeigen`,
}
