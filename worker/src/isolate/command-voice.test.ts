/** What a command tells on its own pipe, with real processes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runFunction } from '../testing/run-function.ts'
import { CommandVoice, type TellingContext } from './command-voice.ts'
import { defineCommand } from './define-command.ts'

/** A command that writes these lines, and then its result. */
function telling(...lines: readonly unknown[]) {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
  const program = `
    require('node:fs').writeSync(Number(process.env.BERTH_TELL_FD), ${JSON.stringify(text)})
    process.stdout.write(JSON.stringify(process.env.BERTH_BUDGET ?? null))`
  return defineCommand({ command: process.execPath, args: ['-e', program] })
}

describe('what a command tells', () => {
  it('is usage, messages, sources and progress, beside its result', async () => {
    const command = telling(
      { usage: { steps: 1, costUsd: 0.1 }, message: 'half' },
      '',
      { source: { url: 'https://example.org', title: 'E' }, progress: { fraction: 0.5, text: 'on' } },
      { message: { role: 'assistant', content: 'whole' }, progress: 1, later: true },
    )
    const { result, usage, messages, sources, progress, error } = await runFunction(command)
    assert.equal(error, undefined)
    assert.equal(result, null, 'it has no budget')
    assert.deepEqual(usage, [{ steps: 1, costUsd: 0.1 }])
    assert.deepEqual(messages, ['half', { role: 'assistant', content: 'whole' }])
    assert.deepEqual(sources, [{ url: 'https://example.org', title: 'E' }])
    assert.deepEqual(progress, [{ fraction: 0.5, text: 'on' }, { fraction: 1 }])
  })

  it('does it no harm when it is wrong', async () => {
    const wrong = ['no JSON', [1], { usage: { steps: -1 } }, { source: { url: 'x' } }, { message: 7 }]
    const { outcome, logs, usage } = await runFunction(telling(...wrong, { usage: { steps: 2 } }))
    assert.equal(outcome, 'completed')
    assert.deepEqual(usage, [{ steps: 2 }])
    const warned = logs.filter(({ level }) => level === 'warn').map(({ text }) => text)
    assert.equal(warned.length, wrong.length)
    assert.match(warned[1] ?? '', /BERTH_TELL_FD was passed over: it is no object/)
  })

  it('is read line by line, whatever the pieces, and a long line is passed over', () => {
    const told: unknown[] = []
    const context = {
      message: (message: unknown) => void told.push(message),
      log: { warn: (text: string) => void told.push(text) },
    } as unknown as TellingContext
    const voice = new CommandVoice(context)
    const whole = Buffer.from('{"message":"ä"}\n{"message":"two"}')
    for (const byte of whole) voice.add(Buffer.from([byte]))
    voice.add(Buffer.from('\n"'))
    for (let n = 0; n < 9; n++) voice.add(Buffer.alloc(64 * 1024, 'x'))
    voice.add(Buffer.from('"\n{"message":"three"}'))
    voice.end()
    const long = told.splice(2, 1)
    assert.deepEqual(told, ['ä', 'two', 'three'])
    assert.match(String(long), /longer than 262144 characters/)
  })
})
