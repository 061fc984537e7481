/** Numbers with their noun, for the sentences of every area. */
export const plural = (n: number, one: string, many: string): string => (n === 1 ? one : many)
export const countSlots = (n: number): string => `${n} ${plural(n, 'Slot', 'Slots')}`
export const countTasks = (n: number): string => `${n} ${plural(n, 'Aufgabe', 'Aufgaben')}`
export const lineWord = (n: number): string => plural(n, 'Zeile', 'Zeilen')
