/** Disks that fail under load, 60 times in six ways; about four minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whyNoBadDisk } from '../bad-disk.ts'
import { spreadDiskFaults } from '../disk-faults.ts'

test('D1, D2, D4: no promise is broken by 60 faults of the disk', {
  skip: whyNoBadDisk() ?? false,
}, async (t) => {
  const { promised, refused, repeats, kinds } = await spreadDiskFaults(t, 60)
  t.diagnostic(`${promised} promised, ${refused} wishes never, ${repeats} repeats; ${kinds}`)
  assert.ok(promised > 400 && refused > 50, 'it was tried, and the faults were felt')
})
