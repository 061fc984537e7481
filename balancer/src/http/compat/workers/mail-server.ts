/**
 * The mail of workers (`EMAIL_PORT`): an SMTP listener that makes a turn of each mail to a worker's address, with its
 * text and its attachments. Made by compose; asks the same `Tasks` as the routes beside it.
 * Invariants: 250 is said once the turn is on disk; what is refused is refused in the dialogue, so that the sender hears
 * of it; a mail that is delivered twice makes one turn.
 */
import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { readFilePath, type TaskError } from '@berth/protocol'
import type { Log, Service } from '@berth/runtime'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerOptions } from 'smtp-server'
import type { Upload, UploadsPort } from '../../../ports/files.ts'
import { ListenError } from '../../listen-error.ts'
import type { TaskHead } from '../../task-call.ts'
import type { TaskAnswer, Tasks } from '../../tasks.ts'
import { readAnswer } from '../task-answers.ts'
import { type ReadMail, readMail } from './mail-reading.ts'
import type { Mailboxes } from './mailbox.ts'
import { AGENT_GROUP, type WorkerSessions } from './worker-sessions.ts'

export interface MailServerDeps {
  readonly mailboxes: Mailboxes
  readonly workers: Pick<WorkerSessions, 'runsOf'>
  readonly tasks: Pick<Tasks, 'handle'>
  readonly uploads: UploadsPort
  readonly log: Log
  readonly host: string
  /** `EMAIL_PORT`; 0 lets the system choose. */
  readonly port: number
  /** Named in the greeting. */
  readonly name: string
  /** `AGENT_FUNCTION`. */
  readonly agentFunction: string
  /** Of a whole mail, default 25 MiB. */
  readonly mailLimitBytes?: number
}

export interface MailServer extends Service {
  /** Where it listens. */
  readonly port: number
}

const MAIL_BYTES = 25 * 1024 * 1024
const MOST_CLIENTS = 64
/** Mails that are read at once: each is in memory. */
const MOST_MAILS = 4
const MOST_RECIPIENTS = 10
const SILENCE_MS = 60_000
const NO_TEXT = '(The mail has no text.)'

/** A refusal in the dialogue: a reply code, an enhanced status (RFC 3463) and words. */
class Refusal extends Error {
  readonly responseCode: number

  constructor(code: number, status: string, text: string) {
    super(`${status} ${text}`)
    this.responseCode = code
  }
}

const UNKNOWN = () => new Refusal(550, '5.1.1', 'There is no such mailbox here')
const BUSY = () => new Refusal(451, '4.3.2', 'Too many mails at once; try again later')

export function createMailServer(deps: MailServerDeps): MailServer {
  return new Listener(deps)
}

class Listener implements MailServer {
  readonly name = 'mail'
  readonly #deps: MailServerDeps
  readonly #server: SMTPServer
  #reading = 0
  #port = 0

  constructor(deps: MailServerDeps) {
    this.#deps = deps
    this.#server = new SMTPServer(this.#options())
    this.#server.on('error', (error) => deps.log.debug('a mail connection failed', { error }))
  }

  get port(): number {
    return this.#port
  }

  start(): Promise<void> {
    const { host, port, log } = this.#deps
    return new Promise((resolve, reject) => {
      const server = this.#server.server
      const refuse = (error: Error) => reject(new ListenError(error, host, port, 'EMAIL_PORT'))
      server.once('error', refuse)
      this.#server.listen(port, host, () => {
        server.removeListener('error', refuse)
        this.#port = (server.address() as AddressInfo).port
        log.info('mail is taken', { host, port: this.#port })
        resolve()
      })
    })
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #options(): SMTPServerOptions {
    const { name, mailLimitBytes = MAIL_BYTES } = this.#deps
    return {
      name,
      banner: 'Berth',
      size: mailLimitBytes,
      // The address is the right; a mail server in front of this one speaks TLS with the world.
      disabledCommands: ['AUTH', 'STARTTLS'],
      authOptional: true,
      disableReverseLookup: true,
      maxClients: MOST_CLIENTS,
      socketTimeout: SILENCE_MS,
      closeTimeout: 1_000,
      logger: false,
      onRcptTo: ({ address }, session, done) => {
        if (session.envelope.rcptTo.length >= MOST_RECIPIENTS)
          return done(new Refusal(452, '4.5.3', 'Too many recipients in one mail'))
        this.#find(address).then(
          (worker) => done(worker === undefined ? UNKNOWN() : undefined),
          () => done(new Refusal(451, '4.3.0', 'The mailbox cannot be looked up now; try again later')),
        )
      },
      onData: (stream, session, done) => {
        const addresses = session.envelope.rcptTo.map(({ address }) => address)
        this.#take(stream, addresses).then(
          (text) => done(null, text),
          (error: unknown) => done(this.#toRefusal(error)),
        )
      },
    }
  }

  async #find(address: string): Promise<string | undefined> {
    const { mailboxes, workers } = this.#deps
    const worker = mailboxes.workerOf(address)
    if (worker === undefined) return undefined
    return (await workers.runsOf(worker)).length > 0 ? worker : undefined
  }

  async #take(stream: SMTPServerDataStream, addresses: readonly string[]): Promise<string> {
    if (this.#reading >= MOST_MAILS) {
      stream.resume()
      throw BUSY()
    }
    this.#reading++
    try {
      const raw = await readAll(stream)
      if (stream.sizeExceeded || raw === undefined)
        throw new Refusal(552, '5.3.4', `The mail is over ${this.#deps.mailLimitBytes ?? MAIL_BYTES} bytes`)
      const mail = await readMail(raw)
      if (!mail) throw new Refusal(554, '5.6.0', 'The mail cannot be read: it is damaged, or takes too long')
      const turns: string[] = []
      for (const address of new Set(addresses)) turns.push(await this.#begin(await this.#find(address), mail))
      return `2.0.0 Taken as ${turns.join(', ')}`
    } finally {
      this.#reading--
    }
  }

  /** The id of the run that the mail is. */
  async #begin(worker: string | undefined, mail: ReadMail): Promise<string> {
    if (worker === undefined) throw UNKNOWN()
    const { uploads, tasks, agentFunction, log } = this.#deps
    const input = mail.text || NO_TEXT
    const upload = mail.attachments.length > 0 ? uploads.begin() : undefined
    if (upload && 'code' in upload) throw refusalOf(upload)
    try {
      if (upload) await fill(upload, mail)
      const task = {
        function: agentFunction,
        group: AGENT_GROUP,
        mode: 'async',
        session: worker,
        input: { input },
      }
      const answer = await ask(tasks, headOf(worker, mail, input), { ...task, budget: 'standard' }, upload)
      const { runId, detail, code } = readAnswer(answer) as {
        runId?: string
        detail: string
        code: TaskError['code']
      }
      if (runId === undefined) throw refusalOf({ code, detail })
      log.info('a mail became a turn', { worker, run: runId, attachments: mail.attachments.length })
      return runId
    } finally {
      // Nothing, when a run has them.
      await upload?.drop()
    }
  }

  #toRefusal(error: unknown): Refusal {
    if (error instanceof Refusal) return error
    this.#deps.log.error('a mail could not be taken', { error })
    return new Refusal(451, '4.3.0', 'Something went wrong here; try again later')
  }
}

/** Undefined when the sender went in the middle. */
async function readAll(stream: Readable): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return stream.readableEnded ? Buffer.concat(pieces) : undefined
}

/** Names that no file can have are replaced; equal ones are numbered. */
async function fill(upload: Upload, mail: ReadMail): Promise<void> {
  const taken = new Set<string>()
  for (const [index, { filename, mediaType, bytes }] of mail.attachments.entries()) {
    const sink = await upload.open(nameOf(filename, index + 1, taken), mediaType)
    const error = 'code' in sink ? sink : ((await sink.write(bytes)) ?? (await sink.end()))
    if (error) throw refusalOf(error)
  }
}

function nameOf(given: string | undefined, n: number, taken: Set<string>): string {
  const base = (given ?? '').replace(/^.*[/\\]/, '')
  const read = readFilePath(base)
  let name = read.ok ? read.path : `attachment-${n}`
  if (taken.has(name)) name = `${n}-${name}`
  taken.add(name)
  return name
}

/** The sender's server may deliver a mail twice; its Message-ID and its text are its key. */
function headOf(worker: string, { messageId }: ReadMail, input: string): TaskHead {
  const key = createHash('sha256')
    .update(JSON.stringify([worker, messageId, input]))
    .digest('hex')
  return {
    contentType: 'application/json',
    contentEncoding: undefined,
    prefer: undefined,
    idempotencyKey: messageId === undefined ? undefined : `mail-${key}`,
    traceparent: undefined,
    wantsEvents: false,
    trigger: 'email',
  }
}

function ask(
  tasks: Pick<Tasks, 'handle'>,
  head: TaskHead,
  body: object,
  upload: Upload | undefined,
): Promise<TaskAnswer> {
  const { promise, resolve } = Promise.withResolvers<TaskAnswer>()
  const call = { head, bytes: Buffer.from(JSON.stringify(body)), upload }
  tasks.handle(call, {
    answer: resolve,
    open: () => {
      throw new Error('a mail was streamed')
    },
  })
  return promise
}

/** For good or for now. */
function refusalOf({ code, detail }: TaskError): Refusal {
  switch (code) {
    case 'PAYLOAD_TOO_LARGE':
      return new Refusal(552, '5.3.4', detail)
    case 'INVALID_INPUT':
    case 'INVALID_REQUEST':
    case 'UNKNOWN_FUNCTION':
      return new Refusal(554, '5.6.0', detail)
    default:
      return new Refusal(451, '4.3.0', detail)
  }
}
