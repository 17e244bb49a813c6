import { errors } from './errors.ts'
import {
  type BooleanOption,
  checkValue,
  type EnumOption,
  finish,
  missing,
  type NumberOption,
  type OptionProblem,
  type Resolved,
  type ResolveSettings,
  type StringOption,
} from './options.ts'
import { didYouMean } from './text.ts'

/** Environment variables by their names, in the language of options. Functions and objects do not exist here. */
export type EnvSpec = Readonly<Record<string, NumberOption | BooleanOption | StringOption | EnumOption>>

/** How to read the environment. */
export interface EnvSettings<S extends EnvSpec> extends ResolveSettings<S> {
  /**
   * Variables that begin with this and are not in the spec are problems: `STOA_`. Default: none, unknown variables are
   * not looked at.
   */
  readonly prefix?: string
  /** Beginnings of variables that belong to others though they have the prefix: `STOA_TEST_`. Default: none. */
  readonly ignore?: readonly string[]
}

/** What names like these hold is not shown, whether the spec says `secret` or not. */
const SECRET_NAME = /SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|KEY|_DSN$/i

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
}

/**
 * Reads environment variables into a typed, frozen object whose keys are the variables' names.
 *
 * A variable that is empty or only blanks counts as absent. Numbers are decimal (`3000`, `-1`, `0.5`, `1e3`); booleans
 * are true/false, 1/0, yes/no, on/off in any case. Values are trimmed, except secrets.
 *
 * @param env usually `process.env`, passed in by the program; nothing here reads it by itself
 * @throws StoaError `invalid_environment`: names every variable at fault; never shows a secret
 */
export function readEnv<const S extends EnvSpec>(
  env: Readonly<Record<string, string | undefined>>,
  spec: S,
  settings: EnvSettings<S> = {},
): Resolved<S> {
  const problems: OptionProblem[] = unknownVariables(env, spec, settings)
  const result: Record<string, unknown> = {}
  for (const [name, written] of Object.entries(spec)) {
    const entry = SECRET_NAME.test(name) ? { ...written, secret: true as const } : written
    const raw = Object.hasOwn(env, name) ? env[name] : undefined
    const absent = raw === undefined || raw.trim() === ''
    const value = absent ? entry.default : parse(entry, entry.secret ? raw : raw.trim())
    result[name] = value
    const problem = absent ? missing(name, entry) : checkValue(name, entry, value)
    if (problem) problems.push(problem)
  }
  return finish(result, problems, settings, errors.invalid_environment)
}

function parse(entry: EnvSpec[string], raw: string): unknown {
  switch (entry.type) {
    case 'integer':
    case 'number':
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(raw.trim()) ? Number(raw) : raw
    case 'boolean': {
      const word = raw.trim().toLowerCase()
      return Object.hasOwn(BOOLEANS, word) ? BOOLEANS[word] : raw
    }
    default:
      return raw
  }
}

function unknownVariables<S extends EnvSpec>(
  env: Readonly<Record<string, string | undefined>>,
  spec: S,
  settings: EnvSettings<S>,
): OptionProblem[] {
  const { prefix, ignore = [] } = settings
  if (!prefix) return []
  const known = Object.keys(spec)
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !Object.hasOwn(spec, name))
    .filter((name) => !ignore.some((start) => name.startsWith(start)))
    .map((name) => ({ name, code: 'unknown', message: `unknown variable ${name}${didYouMean(name, known)}` }))
}
