/** Numbers with their noun, for the sentences of every area. */
export const plural = (n: number, one: string, many: string): string => (n === 1 ? one : many)
export const countWorkers = (n: number): string => `${n} ${plural(n, 'worker', 'workers')}`
export const countSlots = (n: number): string => `${n} ${plural(n, 'slot', 'slots')}`
export const countTasks = (n: number): string => `${n} ${plural(n, 'task', 'tasks')}`
