/** Addresses of workers: made, read back, and not to be made up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mailboxes } from './mailbox.ts'

const ID = 'w_01hzyk3v5m8q2d4f6g7h9j0krs'
const boxes = new Mailboxes('Mail.Example', 'a secret of this test, long enough')

test('an address is lower case, short enough, and its worker is found in any case', () => {
  const address = boxes.addressOf(ID) ?? assert.fail('it has none')
  const [local = '', domain] = address.split('@')
  assert.match(local, /^w-w_[0-9a-z]{26}\.[0-9a-z]{26}$/)
  assert.ok(local.length <= 64)
  assert.equal(domain, 'mail.example')
  assert.equal(boxes.workerOf(address), ID)
  assert.equal(boxes.workerOf(address.toUpperCase()), ID)
})

test('an id that an address would change or cut has none', () => {
  for (const id of ['Upper', 'a.b', 'a b', '', 'x'.repeat(36)])
    assert.equal(boxes.addressOf(id), undefined, id)
  assert.ok(boxes.addressOf('x'.repeat(35)))
})

test('no other mac, id, domain or secret', () => {
  const address = boxes.addressOf(ID) ?? ''
  const [local = ''] = address.split('@')
  const [, mac = ''] = local.split('.')
  const last = mac.at(-1) === '0' ? '1' : '0'
  const wrong = [
    `${local.slice(0, -1)}${last}@mail.example`,
    `${local.slice(0, -1)}@mail.example`,
    `w-${ID.slice(0, -1)}x.${mac}@mail.example`,
    `${local}@other.example`,
    `${local}@mail.example@mail.example`,
    `${ID}.${mac}@mail.example`,
    `w-${ID}@mail.example`,
    `w-${ID}.@mail.example`,
    'postmaster@mail.example',
    '',
  ]
  for (const address of wrong) assert.equal(boxes.workerOf(address), undefined, address)
  assert.equal(new Mailboxes('mail.example', 'another secret altogether').workerOf(address), undefined)
})
