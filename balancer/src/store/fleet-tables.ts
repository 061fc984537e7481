/**
 * The SQL of the fleet's memory: one prepared statement a kind of write, and what is read at start.
 * Used by `sqlite-database.ts` on the store's thread. Every value is bound, none is put into a text.
 * Invariant: writes are upserts or deletes, so repeating one changes nothing.
 */
import { interfaceSchema, roleSchema } from '@berth/protocol'
import { z } from 'zod'
import type { FleetContents, FleetWrite, StoredSettings } from '../ports/store.ts'
import { type ConfigVersion, withinHistory } from '../ports/workers-config.ts'
import type { Statements } from './statements.ts'
import { StoreError } from './store-error.ts'

const SQL = {
  'intent-set': `INSERT INTO intents (worker, reason, since, until, deadline, decided_by)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (worker) DO UPDATE
    SET reason = excluded.reason, since = excluded.since, until = excluded.until,
      deadline = excluded.deadline, decided_by = excluded.decided_by`,
  'intent-cleared': 'DELETE FROM intents WHERE worker = ?',
  'worker-known': `INSERT INTO workers (worker, worker_group, contract, interface_hash, seen_at)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (worker) DO UPDATE
    SET worker_group = excluded.worker_group, contract = excluded.contract,
      interface_hash = excluded.interface_hash, seen_at = excluded.seen_at`,
  'worker-forgotten': 'DELETE FROM workers WHERE worker = ?',
  'interface-seen': 'INSERT INTO interfaces (hash, functions) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING',
  'session-opened': `INSERT INTO sessions (hash, created_at, expires_at, role) VALUES (?, ?, ?, ?)
    ON CONFLICT (hash) DO UPDATE SET created_at = excluded.created_at, expires_at = excluded.expires_at`,
  'session-closed': 'DELETE FROM sessions WHERE hash = ?',
  'settings-set': `INSERT INTO settings (worker_group, function, settings) VALUES (?, ?, ?)
    ON CONFLICT (worker_group, function) DO UPDATE SET settings = excluded.settings`,
  'settings-cleared': 'DELETE FROM settings WHERE worker_group = ? AND function = ?',
  'form-set': `INSERT INTO forms (name, revision, created_at, updated_at, updated_by, body) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, created_at = excluded.created_at,
      updated_at = excluded.updated_at, updated_by = excluded.updated_by, body = excluded.body`,
  'form-removed': 'DELETE FROM forms WHERE name = ?',
  'config-version': `INSERT INTO config_versions (version, facts, bytes, text) VALUES (?, ?, ?, ?)
    ON CONFLICT (version) DO UPDATE
    SET facts = excluded.facts, bytes = excluded.bytes, text = excluded.text`,
  // Other bytes for a moment: what would leave them as they are is written nowhere.
  touch: 'UPDATE balancer SET epoch = epoch + 1',
} as const satisfies Record<FleetWrite['kind'], string>

type Value = string | number | null

function valuesOf(write: FleetWrite): Value[] {
  switch (write.kind) {
    case 'intent-set': {
      const { worker, reason, since, until, deadline, by } = write.intent
      return [worker, reason, since, until, deadline, by]
    }
    case 'worker-known': {
      const { worker, group, contract, interfaceHash, seenAt } = write.known
      return [worker, group, contract, interfaceHash, seenAt]
    }
    case 'interface-seen':
      return [write.hash, JSON.stringify(write.functions)]
    case 'session-opened':
      return [write.session.hash, write.session.createdAt, write.session.expiresAt, write.session.role]
    case 'session-closed':
      return [write.hash]
    case 'settings-set': {
      const { group, function: name, ...values } = write.settings
      return [group, name ?? '', JSON.stringify(values)]
    }
    case 'settings-cleared':
      return [write.group, write.function ?? '']
    case 'form-set': {
      const { name, revision, createdAt, updatedAt, updatedBy, body } = write.form
      return [name, revision, createdAt, updatedAt, updatedBy, body]
    }
    case 'form-removed':
      return [write.name]
    case 'config-version': {
      const { version, ...facts } = write.version
      return [version, JSON.stringify(facts), facts.bytes, write.text]
    }
    case 'touch':
      return []
    default:
      return [write.worker]
  }
}

export function isFleetWrite<Write extends { readonly kind: string }>(
  write: Write,
): write is Extract<Write, { readonly kind: FleetWrite['kind'] }> {
  return write.kind in SQL
}

export class FleetTables {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Throws what SQLite or the binding of a value throws. */
  write(write: FleetWrite): void {
    this.#statements.run(SQL[write.kind], ...valuesOf(write))
    if (write.kind === 'config-version') this.#forgetOldVersions()
    if (write.kind === 'touch') this.#statements.run('UPDATE balancer SET epoch = epoch - 1')
  }

  /**
   * Begins an epoch, forgets what has expired and interfaces that no worker has, and reads the rest. To be
   * called within a transaction.
   */
  begin(nowMs: number): FleetContents {
    const now = new Date(nowMs).toISOString()
    this.#statements.run('UPDATE balancer SET epoch = epoch + 1')
    this.#statements.run('DELETE FROM sessions WHERE expires_at <= ?', now)
    this.#statements.run('DELETE FROM interfaces WHERE hash NOT IN (SELECT interface_hash FROM workers)')
    const [balancer] = this.#read(epochRow, 'SELECT epoch FROM balancer')
    if (balancer === undefined) throw new Error('the table balancer has no row')
    return {
      epoch: balancer.epoch,
      intents: this.#read(
        intentRow,
        `SELECT worker, reason, since, until, deadline, decided_by AS "by" FROM intents ORDER BY worker`,
      ),
      workers: this.#read(
        workerRow,
        `SELECT worker, worker_group AS "group", contract, interface_hash AS interfaceHash,
          seen_at AS seenAt FROM workers ORDER BY worker`,
      ),
      interfaces: this.#readInterfaces(),
      sessions: this.#read(
        sessionRow,
        'SELECT hash, created_at AS createdAt, expires_at AS expiresAt, role FROM sessions ORDER BY hash',
      ),
      settings: this.#readSettings(),
      forms: this.#read(
        formRow,
        `SELECT name, revision, created_at AS createdAt, updated_at AS updatedAt, updated_by AS updatedBy, body
          FROM forms ORDER BY name`,
      ),
      configVersions: this.#readVersions(),
    }
  }

  #forgetOldVersions(): void {
    const kept = withinHistory(this.#readVersions()).at(-1)
    if (kept) this.#statements.run('DELETE FROM config_versions WHERE version < ?', kept.version)
  }

  /** One that this version does not understand is left out. */
  #readVersions(): ConfigVersion[] {
    const sql = 'SELECT version, facts FROM config_versions ORDER BY version DESC'
    return this.#read(versionRow, sql).flatMap(({ version, facts }) => {
      const parsed = versionText.safeParse(facts)
      return parsed.success ? [{ version, ...parsed.data }] : []
    })
  }

  /** One that this version does not understand is left out: its worker will be asked again. */
  #readInterfaces(): FleetContents['interfaces'] {
    const rows = this.#read(interfaceRow, 'SELECT hash, functions FROM interfaces ORDER BY hash')
    return rows.flatMap(({ hash, functions }) => {
      const parsed = interfaceSchema.safeParse(JSON.parse(functions))
      return parsed.success ? [{ hash, functions: parsed.data }] : []
    })
  }

  /** One that cannot be read is an error: a limit must not be lifted without a word. */
  #readSettings(): StoredSettings[] {
    const sql = `SELECT worker_group AS "group", function, settings FROM settings
      ORDER BY worker_group, function`
    return this.#read(settingsRow, sql).map(({ group, function: name, settings }) => {
      const parsed = settingsText.safeParse(settings)
      if (!parsed.success) throw unreadable(group, name)
      return { group, function: name === '' ? null : name, ...parsed.data }
    })
  }

  #read<Row>(row: z.ZodType<Row>, sql: string): Row[] {
    return z.array(row).parse(this.#statements.of(sql).all())
  }
}

const epochRow = z.object({ epoch: z.int() })
const intentRow = z.object({
  worker: z.string(),
  reason: z.string().nullable(),
  since: z.string(),
  until: z.string().nullable(),
  deadline: z.string().nullable(),
  by: z.string().nullable(),
})
const workerRow = z.object({
  worker: z.string(),
  group: z.string(),
  contract: z.int(),
  interfaceHash: z.string(),
  seenAt: z.string(),
})
const interfaceRow = z.object({ hash: z.string(), functions: z.string() })
const sessionRow = z.object({
  hash: z.string(),
  createdAt: z.string(),
  expiresAt: z.string(),
  role: roleSchema,
})
const settingsRow = z.object({ group: z.string(), function: z.string(), settings: z.string() })
const formRow = z.object({
  name: z.string(),
  revision: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  updatedBy: z.string(),
  body: z.string(),
})
const versionRow = z.object({ version: z.int(), facts: z.string() })
const versionText = z.preprocess(
  parseJson,
  z.object({
    at: z.string(),
    who: z.string(),
    reason: z.string().nullable(),
    action: z.enum(['start', 'change', 'rollback']),
    of: z.int().nullable(),
    workers: z.int(),
    added: z.int(),
    removed: z.int(),
    changed: z.int(),
    hash: z.string(),
    bytes: z.int(),
  }),
)
const pauseSchema = z.object({
  since: z.string(),
  until: z.string().nullable(),
  reason: z.string().nullable(),
})
const settingsText = z.preprocess(
  parseJson,
  z.object({
    concurrency: z.int().nullable(),
    rate: z.object({ limit: z.int(), perMs: z.int() }).nullable(),
    paused: pauseSchema.nullable(),
    defaultContract: z.int().nullable(),
    // Not there in what an earlier version has written.
    background: z.boolean().nullable().default(null),
    keepWarm: z.boolean().nullable().default(null),
    fairness: z.array(
      z.object({
        key: z.string(),
        weight: z.number().nullable(),
        concurrency: z.int().nullable(),
        paused: pauseSchema.nullable(),
      }),
    ),
  }),
)

function parseJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    return undefined
  }
}

function unreadable(group: string, name: string): StoreError {
  const what = name === '' ? `group "${group}"` : `"${name}" (group "${group}")`
  const message = `what an operator set for ${what} cannot be read, and a limit is not lifted without a word; restore the database from a backup, or take the row out of its table "settings" and set it again`
  return new StoreError('DAMAGED', message)
}
