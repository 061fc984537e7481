import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countReport } from './vitest.ts'

function report(figures: object, files: { status: string; assertionResults: unknown[] }[] = []): string {
  const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 }
  return JSON.stringify({ ...none, ...figures, testResults: files })
}

test('figures of a report, todo counted as skipped', () => {
  const text = report({ numPassedTests: 5, numPendingTests: 2, numTodoTests: 1 })
  assert.deepEqual(countReport(text, undefined), { passed: 5, failed: 0, skipped: 3 })
})

test('a file that could not be loaded is one failure', () => {
  const text = report({ numPassedTests: 1 }, [{ status: 'failed', assertionResults: [] }])
  assert.deepEqual(countReport(text, 'ended with exit code 1'), { passed: 1, failed: 1, skipped: 0 })
})

test('a failed run without a failing test is one failure', () => {
  const text = report({ numPassedTests: 4 })
  assert.deepEqual(countReport(text, 'ended with exit code 1'), { passed: 4, failed: 1, skipped: 0 })
})

test('no report is one failure', () => {
  assert.deepEqual(countReport(undefined, 'ended with SIGKILL'), { passed: 0, failed: 1, skipped: 0 })
})
