/** The tasks of a link by number. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LinkedTask } from './link-task.ts'
import { TaskTable } from './task-table.ts'

describe('TaskTable', () => {
  it('is a map of tasks by number, in the order in which they came', () => {
    const table = new TaskTable()
    const expected = new Map<number, LinkedTask>()
    for (let turn = 1; turn < 2_000; turn++) {
      const number = (turn * 31) % 64
      if (turn % 3 === 0) assert.equal(table.delete(number), expected.delete(number))
      else if (!table.has(number)) {
        const task = { number } as LinkedTask
        table.set(number, task)
        expected.set(number, task)
      }
      assert.equal(table.size, expected.size)
      assert.equal(table.get(number), expected.get(number))
      assert.deepEqual(table.all(), [...expected.values()])
    }
    table.clear()
    assert.deepEqual([table.size, table.all(), table.get(1)], [0, [], undefined])
    table.set(7, { number: 7 } as LinkedTask)
    assert.equal(table.get(7)?.number, 7)
  })
})
