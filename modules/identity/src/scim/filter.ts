/*
 * Filters of SCIM (RFC 7644, 3.4.2.2), read by a parser into a tree, and asked of resources one by one. No part of a
 * filter ever becomes part of a statement, so there is nothing to inject into. `or` binds less than `and`, `not` needs
 * its parentheses, names and words are read in any case. Entra ID goes on behind a bracket, which the RFC does only in
 * paths: `emails[type eq "work"].value eq "ada@example.org"`.
 *
 *   filter     = and *( "or" and )
 *   and        = factor *( "and" factor )
 *   factor     = "not" "(" filter ")" / "(" filter ")" / path asked / path "[" filter "]" [ "." name asked ]
 *   asked      = "pr" / op value
 */
import { type ErrorSpec, StoaError } from '@stoa/kernel'
import { scimErrors } from './scim-errors.ts'

const OPERATORS = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'] as const

/** How an attribute is compared. */
type Operator = (typeof OPERATORS)[number]

/** What an attribute is compared with. */
type Literal = string | number | boolean | null

/** A filter as a tree. */
export type Filter =
  | { readonly kind: 'or' | 'and'; readonly all: readonly Filter[] }
  | { readonly kind: 'not'; readonly filter: Filter }
  | { readonly kind: 'present'; readonly path: readonly string[] }
  | { readonly kind: 'compare'; readonly path: readonly string[]; readonly op: Operator; readonly value: Literal }
  | { readonly kind: 'some'; readonly path: readonly string[]; readonly filter: Filter }
/** What is asked of one attribute. */
type Asked = Filter & { readonly kind: 'present' | 'compare' }

const MAX_LENGTH = 1_000
const MAX_DEPTH = 20
const TOKEN = /\s*(?:([()[\]])|("(?:[^"\\]|\\.)*")|([^\s()[\]"]+))/y
const NAME = /^(?:urn:[A-Za-z0-9:._-]+:)?[A-Za-z$][A-Za-z0-9_$-]*(?:\.[A-Za-z$][A-Za-z0-9_$-]*)?$/

/** Reads a filter. @throws StoaError `scim_filter_invalid` */
export function parseFilter(text: string): Filter {
  if (text.length > MAX_LENGTH) throw invalid('it is too long')
  const parser = new Parser(tokensOf(text))
  const filter = parser.or(0)
  if (!parser.atEnd) throw invalid('it does not end where it should')
  return filter
}

/**
 * The parts of an attribute's name, in lower case, without its schema.
 *
 * @param refusal what to say of what is none
 * @throws StoaError `scim_filter_invalid`, or the refusal
 */
export function pathOf(name: string, refusal: ErrorSpec = scimErrors.scim_filter_invalid): string[] {
  if (!NAME.test(name)) {
    throw new StoaError(refusal, { message: `'${name.slice(0, 50)}' is not the name of an attribute.` })
  }
  const local = name.toLowerCase().startsWith('urn:') ? name.slice(name.lastIndexOf(':') + 1) : name
  return local.toLowerCase().split('.')
}

function tokensOf(text: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  const end = text.trimEnd().length
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text)
    if (match === null) throw invalid('a text in it does not end')
    tokens.push((match[1] ?? match[2] ?? match[3]) as string)
  }
  return tokens
}

class Parser {
  readonly #tokens: readonly string[]
  #at = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  get atEnd(): boolean {
    return this.#at === this.#tokens.length
  }

  or(depth: number): Filter {
    if (depth > MAX_DEPTH) throw invalid('it is too deep')
    const all = [this.#and(depth)]
    while (this.#takes('or')) all.push(this.#and(depth))
    return all.length === 1 ? (all[0] as Filter) : { kind: 'or', all }
  }

  #and(depth: number): Filter {
    const all = [this.#factor(depth)]
    while (this.#takes('and')) all.push(this.#factor(depth))
    return all.length === 1 ? (all[0] as Filter) : { kind: 'and', all }
  }

  #factor(depth: number): Filter {
    if (this.#takes('not')) {
      if (!this.#takes('(')) throw invalid(`'not' is followed by a parenthesis`)
      return { kind: 'not', filter: this.#closed(depth, ')') }
    }
    if (this.#takes('(')) return this.#closed(depth, ')')
    const path = pathOf(this.#next())
    if (!this.#takes('[')) return this.#asked(path)
    const filter = this.#closed(depth, ']')
    const behind = this.#tokens[this.#at]
    if (!behind?.startsWith('.')) return { kind: 'some', path, filter }
    this.#at += 1
    return { kind: 'some', path, filter: { kind: 'and', all: [filter, this.#asked(pathOf(behind.slice(1)))] } }
  }

  #asked(path: readonly string[]): Asked {
    const word = this.#next().toLowerCase()
    if (word === 'pr') return { kind: 'present', path }
    const op = OPERATORS.find((operator) => operator === word)
    if (op === undefined) throw invalid(`'${word.slice(0, 50)}' is no way of comparing`)
    return { kind: 'compare', path, op, value: literalOf(this.#next()) }
  }

  #closed(depth: number, end: string): Filter {
    const filter = this.or(depth + 1)
    if (!this.#takes(end)) throw invalid(`'${end}' is missing`)
    return filter
  }

  #takes(word: string): boolean {
    if (this.#tokens[this.#at]?.toLowerCase() !== word) return false
    this.#at += 1
    return true
  }

  #next(): string {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw invalid('it ends too early')
    this.#at += 1
    return token
  }
}

function literalOf(token: string): Literal {
  try {
    const value: unknown = JSON.parse(/^(true|false|null)$/i.test(token) ? token.toLowerCase() : token)
    if (value === null || typeof value !== 'object') return value as Literal
  } catch {
    // Said below.
  }
  throw invalid(`'${token.slice(0, 50)}' is no value: texts stand in double quotes`)
}

/** Whether a resource is one that the filter means. Texts are compared in any case, but for ids. */
export function matches(filter: Filter, resource: unknown): boolean {
  switch (filter.kind) {
    case 'or':
      return filter.all.some((one) => matches(one, resource))
    case 'and':
      return filter.all.every((one) => matches(one, resource))
    case 'not':
      return !matches(filter.filter, resource)
    case 'present':
      return valuesAt(resource, filter.path).some(isPresent)
    case 'some':
      return valuesAt(resource, filter.path).some((value) => matches(filter.filter, value))
    case 'compare':
      return compared(filter, resource)
  }
}

function compared({ op, path, value }: Filter & { kind: 'compare' }, resource: unknown): boolean {
  const found = valuesAt(resource, path).map((one) =>
    typeof one === 'object' && one !== null && 'value' in one ? one.value : one,
  )
  if (op === 'ne') return found.every((one) => !holds('eq', one, value))
  if (value === null && op === 'eq') return found.every((one) => !isPresent(one))
  return found.some((one) => holds(op, one, value))
}

function holds(op: Operator, found: unknown, value: Literal): boolean {
  if (typeof found === 'string' && typeof value === 'string') {
    const [a, b] = [found.toLowerCase(), value.toLowerCase()]
    if (op === 'co') return a.includes(b)
    if (op === 'sw') return a.startsWith(b)
    if (op === 'ew') return a.endsWith(b)
    return ordered(op, a < b ? -1 : a > b ? 1 : 0)
  }
  if (typeof found === 'number' && typeof value === 'number') return ordered(op, found - value)
  return op === 'eq' && found === value
}

function ordered(op: Operator, difference: number): boolean {
  switch (op) {
    case 'eq':
      return difference === 0
    case 'gt':
      return difference > 0
    case 'ge':
      return difference >= 0
    case 'lt':
      return difference < 0
    case 'le':
      return difference <= 0
    default:
      return false
  }
}

function isPresent(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  return value !== undefined && value !== null && value !== ''
}

/** What an attribute of a resource holds, each value of many by itself. */
function valuesAt(resource: unknown, path: readonly string[]): unknown[] {
  let values: unknown[] = [resource]
  for (const name of path) {
    values = values.flatMap((value) => {
      if (typeof value !== 'object' || value === null) return []
      const key = Object.keys(value).find((one) => one.toLowerCase() === name)
      const found = key === undefined ? undefined : (value as Record<string, unknown>)[key]
      return Array.isArray(found) ? found : [found]
    })
  }
  return values
}

/**
 * A value that an attribute must equal for the filter to hold, when the filter says so at its top: it is looked up
 * instead of searched for.
 */
export function requiredValue(filter: Filter, path: string): string | null {
  switch (filter.kind) {
    case 'and':
      return filter.all.map((one) => requiredValue(one, path)).find((value) => value !== null) ?? null
    case 'some': {
      const outer = `${filter.path.join('.')}.`
      return path.startsWith(outer) ? requiredValue(filter.filter, path.slice(outer.length)) : null
    }
    case 'compare': {
      const isIt = filter.op === 'eq' && filter.path.join('.') === path
      return isIt && typeof filter.value === 'string' ? filter.value : null
    }
    default:
      return null
  }
}

/** Whether a filter asks for an attribute, or for a part of it. */
export function asksFor(filter: Filter, name: string): boolean {
  switch (filter.kind) {
    case 'or':
    case 'and':
      return filter.all.some((one) => asksFor(one, name))
    case 'not':
      return asksFor(filter.filter, name)
    default:
      return filter.path[0] === name
  }
}

function invalid(why: string): StoaError {
  return new StoaError(scimErrors.scim_filter_invalid, { message: `The filter cannot be read: ${why}.` })
}
