/**
 * The bounds of the wire. Both ends check them: a peer that breaks one is cut off with a close
 * code, never waited for.
 */
export const LIMITS = {
  /** Payload of one binary record. */
  recordBytes: 64 * 1024,
  /** One binary frame, its records and their headers together. */
  frameBytes: 256 * 1024,
  /** One text frame: the widest interface (10,000 functions) fits. */
  textBytes: 8 * 1024 * 1024,
  /** What one task may have under way in one direction before CREDIT comes back. */
  windowBytes: 256 * 1024,
  /** What a link may have in its socket's own buffer. */
  socketBytes: 256 * 1024,
  /** Payloads up to this size travel inside their TASK or END record. */
  inlineBytes: 32 * 1024,
  /** The error of an END record as JSON; a longer one loses its list, then its tail. */
  errorBytes: 16 * 1024,
  /** What a TASK says beyond its fixed header, as characters of JSON. */
  extrasText: 10 * 1024,
  /** Earlier turns that a task of a session brings along, and their inputs and outputs together. */
  turns: 100,
  turnsBytes: 1024 * 1024,
  /** Calls below each other (`ctx.call`). */
  callDepth: 8,
  /** Functions of one worker. */
  functions: 10_000,
  /** Tags of one worker, and the length of a tag's text or of one element of its list. */
  tags: 64,
  tagText: 128,
  tagList: 64,
  /** Keys of one selector. */
  selectorKeys: 16,
  /** Keys of one task's metadata, and the characters of all its keys and values. */
  metadataKeys: 64,
  metadataText: 8 * 1024,
  /** Slots of one worker. */
  slots: 100_000,
  /** Nesting of a JSON body; deeper text parses in V8 but cannot be written again. */
  jsonDepth: 100,
  /** Different member names of a JSON body, and its objects, arrays and texts: what parsing takes its time for. */
  jsonNames: 50_000,
  jsonParts: 500_000,
  /** workers.json. */
  workersFileBytes: 16 * 1024 * 1024,
  workersFileEntries: 20_000,
  /** Longest error message that leaves a worker. */
  messageText: 8 * 1024,
  /** Log lines a worker sends per second while somebody follows. */
  logLinesPerSecond: 2_000,
  logLineText: 16 * 1024,
  /** Of the lines it keeps, those a worker sends when it begins. */
  logBacklogLines: 200,
  /** A regular expression that log lines are searched for. */
  logRegexText: 256,
} as const

/** Priorities are 1 (first) to this. */
export const MAX_PRIORITY = 2_097_152
/** Longest duration a caller may name: 365 days. */
export const MAX_DURATION_MS = 365 * 86_400_000
