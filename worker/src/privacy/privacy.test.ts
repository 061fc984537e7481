/** What is private stays inside: redact paths, values of FUNCTION_ENV_FILE, and lines tied to their task. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLog, type LogLevel } from '@berth/runtime'
import { z } from 'zod'
import { Attempt, type Outcome } from '../attempt/attempt.ts'
import { attemptPortsOf } from '../attempt/attempt-ports.ts'
import { makeFolder } from '../fixtures/test-folder.ts'
import { makeParts } from '../fixtures/test-parts.ts'
import { defineFunction, defineService, type FunctionDefinition } from '../functions/define.ts'
import { registerFunction } from '../functions/registry.ts'
import { RunningService, SERVICE_LIMITS } from '../services/service.ts'
import { readEnvFile } from './env-file.ts'
import { RedactPaths } from './paths.ts'
import { Secrets } from './secrets.ts'
import { captureConsole } from './task-console.ts'

describe('RedactPaths', () => {
  const paths = new RedactPaths(['password', 'user.token', 'cards.number', 'any.*.deep', 'matrix.0'])

  it('masks what a path leads to, whatever it is, and copies', () => {
    const value = {
      password: { old: 1, new: 'two' },
      user: { token: ['abcd'], name: 'Ada', password: 'not at the top' },
      cards: [{ number: 4242_4242, owner: 'A' }, { number: null }, 'plain'],
      any: { a: { deep: 1, flat: 2 }, b: [{ deep: 'x' }] },
      matrix: [[1], [2]],
    }
    const before = structuredClone(value)
    assert.deepEqual(paths.mask(value), {
      password: '***',
      user: { token: '***', name: 'Ada', password: 'not at the top' },
      cards: [{ number: '***', owner: 'A' }, { number: '***' }, 'plain'],
      any: { a: { deep: '***', flat: 2 }, b: [{ deep: '***' }] },
      matrix: ['***', ['***']],
    })
    assert.deepEqual(value, before)
    for (const plain of [null, 7, 'password', undefined]) assert.equal(paths.mask(plain), plain)
    assert.deepEqual(paths.mask([{ password: 'in a list' }]), [{ password: '***' }])
  })

  it('finds the texts at its paths, as written and as JSON, and no short ones', () => {
    const found = paths.textsIn({
      password: { old: 123, pin: 12345, text: 'say "hello"' },
      user: { token: ['tokentoken', 'abc'] },
      cards: [{ number: 'card-number', owner: 'someone' }],
    })
    assert.deepEqual(found, ['12345', 'say "hello"', 'say \\"hello\\"', 'tokentoken', 'card-number'])
    assert.deepEqual(new RedactPaths([]).textsIn({ password: 'longer' }), [])
  })

  it('does not take the way into a prototype for a path', () => {
    const masked = new RedactPaths(['__proto__.polluted']).mask(JSON.parse('{"__proto__":{"polluted":1}}'))
    assert.equal(JSON.stringify(masked), '{"__proto__":{"polluted":"***"}}')
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  })

  it('refuses a path that leads nowhere, with the function', () => {
    const definition = defineFunction({ config: { redact: ['a..b'] }, handler: () => 1 })
    assert.throws(() => registerFunction('f', definition), /unusable redact path "a\.\.b"/)
  })
})

describe('Secrets', () => {
  it('masks every usual form of a value, and leaves what is none', () => {
    const pem = '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END KEY-----'
    const secrets = new Secrets(['p&ss "word"', pem, 'true', 'eu', '', '  '])
    const said = [
      'p&ss "word"',
      JSON.stringify('p&ss "word"'),
      encodeURIComponent('p&ss "word"'),
      Buffer.from('p&ss "word"').toString('base64'),
      pem,
      'MIIEvQIBADANBgkqhkiG9w0B',
    ]
    const shown = secrets.mask(`${said.join(' | ')} | true | eu`)
    assert.equal(shown, '*** | "***" | *** | *** | *** | *** | true | eu')
  })
})

describe('FUNCTION_ENV_FILE', () => {
  it('is read as lines of NAME=value', () => {
    using folder = makeFolder({ env: '\ufeff# settings\nA=1\nexport B="two words"\nC=\'x\ny\'\nEMPTY=\n' })
    const read = readEnvFile(`${folder.path}/env`)
    assert.ok(read.ok)
    assert.deepEqual({ ...read.env }, { A: '1', B: 'two words', C: 'x\ny', EMPTY: '' })
    assert.ok(Object.isFrozen(read.env))
    assert.equal(read.env.toString, undefined)
  })

  it('is nothing without a path, and says what is wrong without the values', () => {
    assert.deepEqual(Object.keys((readEnvFile(undefined) as { env: object }).env), [])
    using folder = makeFolder({ bad: 'my name=hidden-value\n', big: 'x'.repeat(1_100_000) })
    for (const [name, reason] of [
      ['missing', /cannot be read \(ENOENT\)/],
      ['bad', /no usable name/],
      ['big', /over 1 MiB/],
    ] as const) {
      const read = readEnvFile(`${folder.path}/${name}`)
      assert.ok(!read.ok)
      assert.match(read.message, reason)
      assert.doesNotMatch(read.message, /hidden-value/)
    }
  })
})

/** Runs a function once as a worker would, and gives what was answered and what the log holds. */
async function run(
  definition: FunctionDefinition,
  input: object,
  env: Record<string, string> = {},
  level: LogLevel = 'debug',
) {
  const secrets = new Secrets(Object.values(env))
  const log = createLog({ source: 'test', level, write: () => {}, redact: secrets.texts })
  const parts = { ...makeParts(), env, secrets, log }
  const fn = registerFunction('f', definition)
  const checked = await fn.input.check(input, '')
  if (!checked.ok) return { error: checked.error, log, lines: log.lines().join('\n') }
  const answered = Promise.withResolvers<Outcome>()
  const ended = Promise.withResolvers<void>()
  const facts = { run: 'r_1', attempt: 1, fence: 0, trace: '', contentType: 'application/json' }
  const spec = { function: fn, input: checked.value, facts, timeoutMs: 1000, remainingMs: null }
  const restore = captureConsole(log.child({ source: 'console' }))
  new Attempt(spec, attemptPortsOf(parts), {
    onAnswer: answered.resolve,
    onEnd: ended.resolve,
    onStuck() {},
  }).begin()
  const outcome = await answered.promise
  await ended.promise
  restore()
  const result = Buffer.from(outcome.result.bytes).toString()
  return { error: outcome.header.error, result, log, lines: log.lines().join('\n') }
}

describe('a task', () => {
  const input = z.object({ password: z.string(), name: z.string() })
  const secretInput = { password: 'hunter2hunter2', name: 'Ada' }
  const redact = ['password']

  it('writes no input unless its function asks for it, and then without what is private', async () => {
    const quiet = await run(defineFunction({ input, handler: () => 1 }), secretInput)
    assert.doesNotMatch(quiet.lines, /hunter2|Ada/)
    const asked = await run(
      defineFunction({ input, config: { logInput: true, redact }, handler: () => 1 }),
      secretInput,
    )
    const entry = asked.log.entries().find(({ text }) => text === 'task begins')
    assert.deepEqual(entry?.input, { password: '***', name: 'Ada' })
    assert.deepEqual([entry?.run, entry?.source], ['r_1', 'f'])
  })

  it('writes its result at debug only, masked, and never with `logResult: false`', async () => {
    const handler = (given: { password: string }) => ({ password: given.password, ok: 'shown', cost: 1 })
    const shown = await run(defineFunction({ input, config: { redact }, handler }), secretInput)
    const entry = shown.log.entries().find(({ text }) => text === 'task completed')
    assert.deepEqual(entry?.result, { password: '***', ok: 'shown', cost: 1 })
    assert.match(shown.result ?? '', /hunter2/, 'the caller gets it whole')
    const info = await run(defineFunction({ input, handler }), secretInput, {}, 'info')
    assert.equal(info.lines, '')
    const silent = await run(defineFunction({ input, config: { logResult: false }, handler }), secretInput)
    assert.match(silent.lines, /task completed/)
    assert.doesNotMatch(silent.lines, /hunter2|shown/)
  })

  it('hides the values of redacted paths in its lines, its console and its error', async () => {
    const { lines, error } = await run(
      defineFunction({
        input,
        config: { redact },
        handler({ password, name }, ctx) {
          ctx.log.info(`got ${password}`, { deep: { password, name } })
          console.log('also %s', password)
          throw new Error(`cannot sign in ${name} with ${password}`)
        },
      }),
      secretInput,
    )
    assert.doesNotMatch(lines, /hunter2/)
    assert.match(lines, /got \*\*\*/)
    assert.match(lines, /also \*\*\*/)
    assert.match(lines, /cannot sign in Ada with \*\*\*/)
    assert.equal(error?.message, 'cannot sign in Ada with ***')
  })

  it('hides them when the input is refused, too', async () => {
    const picky = z.object({
      password: z.string().refine(() => false, { error: ({ input }) => `"${input}" is weak` }),
    })
    const definition = defineFunction({ input: picky, config: { redact }, handler: () => 1 })
    const { error } = await run(definition, { password: 'hunter2hunter2' })
    assert.deepEqual(error?.errors, [{ pointer: '/password', detail: '"***" is weak' }])
    assert.doesNotMatch(error?.message ?? '', /hunter2/)
  })

  it('has the settings of the file, and no log or error shows them', async () => {
    const env = { TOKEN: 'tok-0123456789', REGION: 'eu' }
    const { result, lines } = await run(
      defineFunction({
        handler(_input, ctx) {
          ctx.log.warn(`calling with ${ctx.env.TOKEN}`, { env: ctx.env })
          console.error(ctx.env)
          return ctx.env.REGION
        },
      }),
      {},
      env,
    )
    assert.equal(result, '"eu"')
    assert.doesNotMatch(lines, /tok-01/)
    assert.match(lines, /calling with \*\*\*/)
    const failed = await run(
      defineFunction({
        handler(_input, ctx) {
          throw new Error(`401 for https://api/?token=${ctx.env.TOKEN}`)
        },
      }),
      {},
      env,
    )
    assert.equal(failed.error?.message, '401 for https://api/?token=***')
    assert.doesNotMatch(failed.lines, /tok-01/)
  })
})

describe('the console', () => {
  it('belongs to the task that speaks, also when several speak at once and after an await', async () => {
    const log = createLog({ source: 'test', level: 'debug', write: () => {} })
    const parts = { ...makeParts(), log }
    const restore = captureConsole(log.child({ source: 'console' }))
    const speak = defineFunction({
      params: { name: { type: 'string', required: true } },
      async handler({ name }) {
        console.log(`${name} begins`)
        await new Promise((resolve) => setImmediate(resolve))
        console.warn(`${name} goes on`)
      },
    })
    const fn = registerFunction('speak', speak)
    const ends = ['a', 'b'].map((name) => {
      const ended = Promise.withResolvers<void>()
      const facts = { run: `r_${name}`, attempt: 1, fence: 0, trace: '', contentType: 'application/json' }
      const spec = { function: fn, input: { name }, facts, timeoutMs: 1000, remainingMs: null }
      new Attempt(spec, attemptPortsOf(parts), { onAnswer() {}, onEnd: ended.resolve, onStuck() {} }).begin()
      return ended.promise
    })
    console.info('nobody in particular')
    await Promise.all(ends)
    restore()
    const said = log.entries().filter(({ text }) => text !== 'task completed')
    assert.deepEqual(
      said.map(({ level, text, run, source }) => [level, text, run, source]),
      [
        ['info', 'a begins', 'r_a', 'speak'],
        ['info', 'b begins', 'r_b', 'speak'],
        ['info', 'nobody in particular', undefined, 'console'],
        ['warn', 'a goes on', 'r_a', 'speak'],
        ['warn', 'b goes on', 'r_b', 'speak'],
      ],
    )
  })

  it('belongs to a service that speaks', async () => {
    const log = createLog({ source: 'test', level: 'debug', write: () => {} })
    const restore = captureConsole(log.child({ source: 'console' }))
    const definition = defineService({
      start: () => console.log('I start'),
      status: () => console.debug('I am asked'),
      stop: () => console.warn('I stop'),
    })
    const limits = { ...SERVICE_LIMITS, everyMs: 60_000 }
    const service = new RunningService('clock', definition, { log, limits, env: {}, onChange() {} })
    await service.start()
    await service.ask()
    await service.stop()
    restore()
    const spoken = log.entries().filter(({ text }) => text.startsWith('I '))
    assert.deepEqual(
      spoken.map(({ text, source, level }) => `${source} ${level}: ${text}`),
      ['clock info: I start', 'clock debug: I am asked', 'clock warn: I stop'],
    )
  })

  it('cannot forge a line, whichever of its methods speaks', () => {
    const written: string[] = []
    const log = createLog({ source: 'test', level: 'debug', write: (line) => written.push(line) })
    const restore = captureConsole(log)
    const forged = 'x\n{"level":"error","text":"forged"}\r\u001b[2J\u2028'
    console.log(forged)
    console.debug('%s and %o', forged, { forged })
    console.table([{ forged }])
    console.dir({ forged })
    console.error(new Error(forged))
    console.trace(forged)
    console.assert(false, forged)
    restore()
    assert.equal(written.length, 7)
    for (const line of written) {
      assert.doesNotMatch(line, /[\p{Cc}\u2028]/u)
      assert.equal(JSON.parse(line).source, 'test')
    }
    assert.deepEqual(
      written.map((line) => JSON.parse(line).level),
      ['info', 'debug', 'info', 'info', 'error', 'debug', 'error'],
    )
  })
})
