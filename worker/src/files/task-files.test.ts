/** Files that come with a task, where it ends before they are here. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ReceivedFiles } from './task-files.ts'

describe('ReceivedFiles', () => {
  const facts = [{ path: 'a', mediaType: 'text/plain', size: 5 }]

  it('are read as they came', async () => {
    const files = new ReceivedFiles(facts)
    await files.add(Buffer.from('hel'))
    await files.add(Buffer.from('lo'))
    await files.whole()
    assert.equal(String(Buffer.from(await files.read(0, 0, 10))), 'hello')
    assert.equal(files.add(Buffer.from('!')), undefined)
    files.close()
  })

  it('make no temporary file once their task is over', async () => {
    const files = new ReceivedFiles(facts)
    files.close()
    await files.add(Buffer.from('hello'))
    assert.equal((await files.read(0, 0, 5)).length, 0)
  })
})
