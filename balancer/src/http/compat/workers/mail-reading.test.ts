/** Mails as anybody may write them: read apart from everything else, or given up in time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readMail } from './mail-reading.ts'

const mailOf = (headers: string, body: string) =>
  Buffer.from(
    `From: a@b.example\r\nMessage-ID: <1@b.example>\r\nMIME-Version: 1.0\r\n${headers}\r\n\r\n${body}`,
  )

test('text goes before HTML, and HTML alone is read as text', async () => {
  const html = await readMail(mailOf('Content-Type: text/html', '<p>Read <b>this</b></p><img src="x">'))
  assert.deepEqual([html?.text, html?.messageId], ['Read this', '<1@b.example>'])
  const plain = await readMail(mailOf('Content-Type: text/plain', ' hello \r\n> quoted'))
  assert.equal(plain?.text, 'hello \n> quoted')
})

test('attachments keep their bytes', async () => {
  const part =
    'Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nbytes'
  const mail = await readMail(
    mailOf('Content-Type: multipart/mixed; boundary=x', `--x\r\n${part}\r\n--x--\r\n`),
  )
  const [attachment] = mail?.attachments ?? []
  assert.deepEqual([attachment?.filename, attachment?.mediaType], ['a.txt', 'text/plain'])
  assert.equal(Buffer.from(attachment?.bytes ?? []).toString(), 'bytes')
})

test('what costs too long, and what no parser takes, is given up; nobody else waits meanwhile', async () => {
  const deep = mailOf('Content-Type: text/html', '<div>'.repeat(400_000))
  let turns = 0
  const turning = setInterval(() => turns++, 5)
  assert.equal(await readMail(deep, 500), undefined)
  clearInterval(turning)
  assert.ok(turns > 10, `${turns} turns of the loop in half a second`)
  let nested = 'Content-Type: text/plain\r\n\r\nx'
  for (let n = 0; n < 3_000; n++)
    nested = `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n${nested}\r\n--b${n}--`
  assert.equal(await readMail(Buffer.from(nested)), undefined)
})
