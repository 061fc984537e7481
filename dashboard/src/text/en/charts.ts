/** English words of the area "charts". */
export const charts = {
  label: 'The last minutes',
  range: 'Time range',
  minutes: (n: number) => `${n} min`,
  slotsTitle: 'Slots',
  throughputTitle: 'Throughput',
  used: 'Used',
  free: 'Free',
  maintenance: 'Maintenance',
  stalled: 'Stalled',
  completed: 'Completed',
  failed: 'Failed',
  submitted: 'Submitted',
  slotsSummary: (minutes: number, mean: string, most: string, limit: string) =>
    `Last ${minutes} min: ${mean} slots used on average, ${most} at most; ${limit} in the fleet now.`,
  throughputSummary: (minutes: number, completed: string, failed: string, submitted: string) =>
    `Last ${minutes} min: ${submitted} submitted, ${completed} completed, ${failed} failed.`,
  noData: 'No figures in this time yet.',
  asTable: 'View as table',
  asChart: 'View as chart',
  time: 'Time',
  tableCaption: (title: string, minutes: number) => `${title}, last ${minutes} min, newest first`,
  perSecond: 'tasks per second',
  slotsUnit: 'of the fleet',
  failedToLoad: 'The charts could not be loaded.',
}
