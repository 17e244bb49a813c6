/*
 * Options resolve once: defaults are filled in, each value is checked, then the relations between them, and the result
 * is frozen. All problems are reported together, because whoever mends the first one wants to know of the second. An
 * unknown key is a problem: a misspelt option that is silently ignored is found in production.
 */
import { errors, type FieldError, StoaError } from './errors.ts'
import { didYouMean } from './text.ts'

interface Common<T> {
  /**
   * The value when none is given. `null` makes null a value of the option. Without `default` and `optional` the option
   * is required.
   */
  readonly default?: T | null
  /** The option may be absent: its value is undefined then. */
  readonly optional?: true
  /** The value is never shown in an error. Default false. */
  readonly secret?: true
}

/** A number. `min` and `max` are inclusive. `integer` accepts safe integers only, `number` finite numbers only. */
export interface NumberOption extends Common<number> {
  readonly type: 'integer' | 'number'
  readonly min?: number
  readonly max?: number
}

/** A boolean. */
export interface BooleanOption extends Common<boolean> {
  readonly type: 'boolean'
}

/** A string; lengths count UTF-16 units, inclusive. `pattern` must match; `patternHint` says in words what it wants. */
export interface StringOption extends Common<string> {
  readonly type: 'string'
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: RegExp
  readonly patternHint?: string
}

/** One of the listed words. */
export interface EnumOption extends Common<string> {
  readonly type: 'enum'
  readonly values: readonly string[]
}

/** A function; see {@link functionOption} for its type. */
interface FunctionOption<F = (...args: never[]) => unknown> extends Common<F> {
  readonly type: 'function'
}

/**
 * An object other than null (an array counts); see {@link objectOption} for its type. It is passed through as it is,
 * not copied.
 */
interface ObjectOption<T extends object = object> extends Common<T> {
  readonly type: 'object'
}

/** One option. */
export type OptionSpec = NumberOption | BooleanOption | StringOption | EnumOption | FunctionOption | ObjectOption

/** All options of something, by name. */
export type OptionsSpec = Readonly<Record<string, OptionSpec>>

/** Carries the type of a value and is never there. Exported, so that what is compiled from another package can name it. */
export interface Typed<T> {
  readonly '~value'?: T
}

type BaseValue<S> = S extends { readonly '~value'?: infer T } & Typed<unknown>
  ? '~value' extends keyof S
    ? Exclude<T, undefined>
    : PlainValue<S>
  : PlainValue<S>

type PlainValue<S> = S extends { readonly type: 'integer' | 'number' }
  ? number
  : S extends { readonly type: 'boolean' }
    ? boolean
    : S extends { readonly type: 'string' }
      ? string
      : S extends { readonly type: 'enum'; readonly values: readonly (infer V)[] }
        ? V
        : S extends { readonly type: 'function' }
          ? (...args: never[]) => unknown
          : object

type OrNull<S> = S extends { readonly default: null } ? null : never
type OrAbsent<S> = S extends { readonly optional: true }
  ? S extends { readonly default: unknown }
    ? never
    : undefined
  : never

type RequiredKeys<S> = {
  [K in keyof S]: S[K] extends { readonly optional: true } | { readonly default: unknown } ? never : K
}[keyof S]

/** The complete, frozen options that a spec resolves to. */
export type Resolved<S extends OptionsSpec> = {
  readonly [K in keyof S]: BaseValue<S[K]> | OrNull<S[K]> | OrAbsent<S[K]>
}

/** What may be passed for a spec: options with a default, and optional ones, may be left out or undefined. */
export type OptionsInput<S extends OptionsSpec> = {
  readonly [K in RequiredKeys<S>]: BaseValue<S[K]>
} & {
  readonly [K in Exclude<keyof S, RequiredKeys<S>>]?: BaseValue<S[K]> | OrNull<S[K]> | undefined
}

/** A rule between options: null when it holds, else what is wrong, such as `minMs must not be above maxMs`. */
export type Relation<S extends OptionsSpec> = (options: Resolved<S>) => string | null

/** How to resolve. */
export interface ResolveSettings<S extends OptionsSpec> {
  /** Whose options these are, for the error message: `createQueue`. */
  readonly name?: string
  /** Rules between options; asked only when every single value is valid. */
  readonly relations?: readonly Relation<S>[]
}

/** A required function option with a type. */
export function functionOption<F extends (...args: never[]) => unknown>(): { readonly type: 'function' } & Typed<F> {
  return { type: 'function' }
}

/** An optional function option with a type. */
export function optionalFunction<F extends (...args: never[]) => unknown>(): {
  readonly type: 'function'
  readonly optional: true
} & Typed<F> {
  return { type: 'function', optional: true }
}

/** A required object option with a type. Only "is an object" is checked. */
export function objectOption<T extends object>(): { readonly type: 'object' } & Typed<T> {
  return { type: 'object' }
}

/** An optional object option with a type. Only "is an object" is checked. */
export function optionalObject<T extends object>(): { readonly type: 'object'; readonly optional: true } & Typed<T> {
  return { type: 'object', optional: true }
}

/** One thing wrong with options or environment variables. */
export interface OptionProblem {
  readonly name: string
  /** `required`, `wrong_type`, `out_of_range`, `not_allowed`, `unknown` or `relation`. */
  readonly code: string
  /** A sentence part that names the option. */
  readonly message: string
}

/**
 * Resolves options: fills in defaults, checks types, ranges and relations, refuses unknown keys, and freezes the
 * result.
 *
 * @param input the options as given; undefined means none
 * @throws StoaError `invalid_options`: the message and `fields` hold every problem that was found
 */
export function resolveOptions<const S extends OptionsSpec>(
  spec: S,
  input: OptionsInput<S> | undefined,
  settings: ResolveSettings<S> = {},
): Resolved<S> {
  const given: unknown = input ?? {}
  const problems: OptionProblem[] = []
  const result: Record<string, unknown> = {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    problems.push({ name: '', code: 'wrong_type', message: 'options must be an object' })
  } else {
    const values = given as Record<string, unknown>
    const names = Object.keys(spec)
    for (const name of Object.keys(values)) {
      if (Object.hasOwn(spec, name)) continue
      problems.push({ name, code: 'unknown', message: `unknown option '${name}'${didYouMean(name, names)}` })
    }
    for (const [name, entry] of Object.entries(spec)) {
      const value = Object.hasOwn(values, name) ? values[name] : undefined
      result[name] = value === undefined ? entry.default : value
      const problem = value === undefined ? missing(name, entry) : checkValue(name, entry, value)
      if (problem) problems.push(problem)
    }
  }
  return finish(result, problems, settings, errors.invalid_options)
}

/** Ends a resolution: relations, then either the error or the frozen result. */
export function finish<S extends OptionsSpec>(
  result: Record<string, unknown>,
  problems: OptionProblem[],
  settings: ResolveSettings<S>,
  spec: typeof errors.invalid_options | typeof errors.invalid_environment,
): Resolved<S> {
  const resolved = Object.freeze(result) as Resolved<S>
  if (problems.length === 0) {
    for (const relation of settings.relations ?? []) {
      const wrong = relation(resolved)
      if (wrong !== null) problems.push({ name: '', code: 'relation', message: wrong })
    }
  }
  if (problems.length === 0) return resolved
  const what = spec === errors.invalid_options ? 'invalid options' : 'invalid environment'
  const head = settings.name ? `${settings.name}: ${what}` : what
  const fields: FieldError[] = problems.map(({ name, code, message }) => ({ pointer: pointerTo(name), code, message }))
  throw new StoaError(spec, { message: `${head}: ${problems.map((problem) => problem.message).join('; ')}`, fields })
}

/** The problem of a value that is absent, or null when it may be. */
export function missing(name: string, entry: OptionSpec): OptionProblem | null {
  if (entry.default !== undefined || entry.optional) return null
  return { name, code: 'required', message: `${name} is required` }
}

/** The problem of a present value, or null when it is valid. */
export function checkValue(name: string, entry: OptionSpec, value: unknown): OptionProblem | null {
  if (value === null && entry.default === null) return null
  const wrong = wrongOf(entry, value)
  if (wrong === null) return null
  const got = entry.secret ? '' : ` (got ${shown(value)})`
  return { name, code: wrong.code, message: `${name} ${wrong.message}${got}${wrong.hint ?? ''}` }
}

interface Wrong {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

function wrongOf(entry: OptionSpec, value: unknown): Wrong | null {
  switch (entry.type) {
    case 'integer':
    case 'number':
      return wrongNumber(entry, value)
    case 'boolean':
      return typeof value === 'boolean' ? null : { code: 'wrong_type', message: 'must be true or false' }
    case 'string':
      return wrongString(entry, value)
    case 'enum':
      return wrongWord(entry, value)
    case 'function':
      return typeof value === 'function' ? null : { code: 'wrong_type', message: 'must be a function' }
    case 'object':
      return typeof value === 'object' && value !== null ? null : { code: 'wrong_type', message: 'must be an object' }
  }
}

function wrongNumber(entry: NumberOption, value: unknown): Wrong | null {
  const whole = entry.type === 'integer'
  if (typeof value !== 'number' || !(whole ? Number.isSafeInteger(value) : Number.isFinite(value))) {
    return { code: 'wrong_type', message: whole ? 'must be a whole number' : 'must be a number' }
  }
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = entry
  if (value >= min && value <= max) return null
  if (Number.isFinite(min) && Number.isFinite(max)) {
    return { code: 'out_of_range', message: `must be between ${min} and ${max}` }
  }
  return { code: 'out_of_range', message: value < min ? `must be at least ${min}` : `must be at most ${max}` }
}

function wrongString(entry: StringOption, value: unknown): Wrong | null {
  if (typeof value !== 'string') return { code: 'wrong_type', message: 'must be a string' }
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = entry
  if (value.length < minLength) {
    return {
      code: 'out_of_range',
      message: minLength === 1 ? 'must not be empty' : `must have at least ${minLength} characters`,
    }
  }
  if (value.length > maxLength) return { code: 'out_of_range', message: `must have at most ${maxLength} characters` }
  // search() starts at the beginning whatever the expression's flags; test() would remember where it stopped.
  if (pattern && value.search(pattern) < 0) {
    return {
      code: 'not_allowed',
      message: entry.patternHint ? `must be ${entry.patternHint}` : `must match ${pattern}`,
    }
  }
  return null
}

function wrongWord(entry: EnumOption, value: unknown): Wrong | null {
  if (typeof value === 'string' && entry.values.includes(value)) return null
  const hint = typeof value === 'string' ? didYouMean(value, entry.values) : ''
  return { code: 'not_allowed', message: `must be one of ${entry.values.join(', ')}`, hint }
}

const SHOWN_LETTERS = 60

/** A value for an error message: short, on one line, without the credentials of a URL. */
function shown(value: unknown): string {
  if (typeof value === 'string') {
    const safe = value.replace(/\/\/[^/@\s]*@/g, '//***@')
    return JSON.stringify(safe.length > SHOWN_LETTERS ? `${safe.slice(0, SHOWN_LETTERS)}…` : safe)
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function pointerTo(name: string): string {
  return name === '' ? '' : `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
