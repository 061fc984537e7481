import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { renderPage } from '../../testing/render-page.tsx'
import { sampleRun } from '../../testing/sample-run.ts'
import { BulkDialog } from './bulk-dialog.tsx'

const none = () => undefined

test('the count is a sentence, states and functions a table, and what is left out has its reason', async () => {
  const runs = [
    sampleRun('r_1', { status: 'failed' }),
    sampleRun('r_2', { status: 'expired', function: 'resize' }),
    sampleRun('r_3', { status: 'queued' }),
    sampleRun('r_4', { durable: false }),
  ]
  renderPage(<BulkDialog action="retry" source={{ kind: 'chosen', runs }} onConfirm={none} onClose={none} />)
  await screen.findByText('Exactly 2 tasks will be retried.')
  const headings = screen.getAllByRole('rowheader').map(({ textContent }) => textContent)
  expect(headings.filter((one) => one !== null)).toEqual(
    expect.arrayContaining(['Failed', 'Expired', 'hello', 'resize']),
  )
  expect(headings).not.toContain('Waiting')
  expect(screen.getByText('Left out, 2 of 4 chosen:')).toBeTruthy()
  const reasons = screen.getAllByRole('listitem').map(({ textContent }) => textContent)
  expect(reasons).toHaveLength(2)
  expect(reasons[0]).toMatch(/^1 not yet ended/)
  expect(reasons[1]).toMatch(/^1 not kept on disk/)
})
