/**
 * Holds an input against the schema that its function's workers publish, before a run of it is kept: the worker
 * is the judge, but its word comes when the caller has long gone. Constructed by compose, asked by the routes.
 * Invariants: nothing that a worker takes is refused; no pattern runs here; validators are made once an interface
 * and function, and at most `KEPT` are kept.
 */
import {
  type FieldError,
  type JsonSchema,
  jsonPointer,
  knownKeysOf,
  NO_SUCH_PARAMETER,
} from '@berth/protocol'
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { InterfacesPort } from '../ports/fleet.ts'
import type { FunctionTarget, InputCheckPort } from '../ports/runs.ts'
import type { ContractsPort } from '../ports/submission.ts'
import { LONGEST, loosenSchema } from './input-schema.ts'

export interface InputCheckOptions {
  readonly interfaces: InterfacesPort
  readonly contracts: ContractsPort
}

type Validator = (input: object) => readonly FieldError[]

const KEPT = 1_000
const MAX_ERRORS = 20
const FITS: readonly FieldError[] = []

export class InputCheck implements InputCheckPort {
  readonly #options: InputCheckOptions
  readonly #validators = new Map<string, Validator>()

  constructor(options: InputCheckOptions) {
    this.#options = options
  }

  /** Of several interfaces under one contract any may be the one that gets it: what fits one of them passes. */
  check({ group, function: name, contract: asked }: FunctionTarget, input: object): readonly FieldError[] {
    const { interfaces, contracts } = this.#options
    const contract = asked ?? contracts.defaultContract(group, name)
    if (contract === undefined) return FITS
    let first: readonly FieldError[] | undefined
    for (const { hash, declared } of interfaces.interfacesOf(group, contract)) {
      const schema = declared.get(name)?.input
      const errors = schema ? this.#validatorOf(`${hash}\n${name}`, schema)(input) : undefined
      if (errors?.length === 0) return FITS
      first ??= errors
    }
    return first ?? FITS
  }

  #validatorOf(key: string, schema: JsonSchema): Validator {
    const kept = this.#validators.get(key)
    if (kept) return kept
    const made = compileSchema(schema)
    const [oldest] = this.#validators.keys()
    if (this.#validators.size >= KEPT && oldest !== undefined) this.#validators.delete(oldest)
    this.#validators.set(key, made)
    return made
  }
}

/** Exported for its tests: the whole check of one published schema. */
export function compileSchema(schema: JsonSchema): Validator {
  const known = knownKeysOf(schema)
  const loose = loosenSchema(schema)
  const validate = loose === true ? undefined : compile(loose)
  return (input) => {
    const unknown = known === null ? [] : Object.keys(input).filter((key) => !known.has(key))
    if (unknown.length > 0)
      return unknown.slice(0, MAX_ERRORS).map((key) => errorAt(jsonPointer([key]), NO_SUCH_PARAMETER))
    return validate === undefined || validate(input) ? FITS : toFieldErrors(validate.errors ?? [])
  }
}

/** Ajv as workers see things: own members, the shortest text in UTF-16, and no rule of its own. */
function compile(schema: JsonSchema): ValidateFunction | undefined {
  const ajv = new Ajv2020({
    strict: false,
    validateSchema: false,
    meta: false,
    logger: false,
    unicode: false,
    unicodeRegExp: false,
    ownProperties: true,
    inlineRefs: false,
    loopRequired: 20,
    loopEnum: 20,
  })
  ajv.addKeyword({ keyword: LONGEST, type: 'string', errors: false, validate: isShort })
  try {
    return ajv.compile(schema)
  } catch {
    // Whatever it is that nobody can compile: its worker judges.
    return undefined
  }
}

function isShort(most: unknown, text: string): boolean {
  return (
    typeof most !== 'number' || text.length <= most || (text.length <= 2 * most && [...text].length <= most)
  )
}

function toFieldErrors(errors: readonly ErrorObject[]): readonly FieldError[] {
  // Libraries pass over a member of that name, whatever is in it.
  if (errors.some(({ instancePath }) => instancePath.split('/').includes('__proto__'))) return FITS
  const isChoice = errors.some(({ keyword }) => keyword === 'anyOf')
  // Beside "none of these fits" stands why each of them does not.
  const told = isChoice ? errors.filter(({ schemaPath }) => !/\/anyOf\/\d+/.test(schemaPath)) : errors
  return told.slice(0, MAX_ERRORS).map(wordError)
}

function wordError({ keyword, instancePath, params, message = 'does not fit' }: ErrorObject): FieldError {
  const { missingProperty, additionalProperty, allowedValues, type } = params as Record<string, unknown>
  if (keyword === 'required')
    return errorAt(jsonPointer([String(missingProperty)], instancePath), 'is required')
  if (keyword === 'additionalProperties')
    return errorAt(jsonPointer([String(additionalProperty)], instancePath), NO_SUCH_PARAMETER)
  if (keyword === 'enum' && Array.isArray(allowedValues))
    return errorAt(instancePath, `must be one of ${JSON.stringify(allowedValues).slice(1, -1).slice(0, 200)}`)
  if (keyword === 'type' && Array.isArray(type)) return errorAt(instancePath, `must be ${type.join(' or ')}`)
  if (keyword === LONGEST) return errorAt(instancePath, 'is too long')
  if (keyword === 'anyOf') return errorAt(instancePath, 'fits none of the forms that it may have')
  return errorAt(instancePath, message)
}

function errorAt(pointer: string, detail: string): FieldError {
  return { pointer: pointer.slice(0, 256), detail }
}
