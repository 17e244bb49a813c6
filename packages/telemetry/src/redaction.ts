/*
 * What must not reach a log. Two nets, because either alone has holes: names (a value under `password` is replaced
 * whatever it is) and shapes (an API key, a bearer token, the credentials or a token parameter of a URL are cut out of
 * any text).
 *
 * Copy on write: bindings without a secret, which are nearly all, are passed on as they are, and cost a walk over their
 * keys.
 */
import { StoaError } from '@stoa/kernel'

/** What stands in the place of a secret. */
export const REDACTED = '[redacted]'

/** Deeper objects are not written at all: they are request and socket objects logged by mistake. */
const MAX_DEPTH = 6
/** Longer lists are cut. */
const MAX_ITEMS = 100
/** Longer texts are cut. */
const MAX_TEXT = 16_384

/** Names in lower case without `-` and `_` whose values are secrets. */
const SECRET_NAMES = new Set([
  'auth',
  'authorization',
  'proxyauthorization',
  'cookie',
  'cookies',
  'setcookie',
  'pass',
  'passwd',
  'passphrase',
  'pwd',
  'key',
  'credential',
  'credentials',
  'signature',
  'jwt',
  'otp',
  'pin',
  'dsn',
])
/**
 * Endings of such names: `clientSecret`, `x-api-key`, `refresh_token`. `idempotencyKey` and `requestId` are no secrets.
 */
const SECRET_ENDING =
  /(password|secret|secrets|token|apikey|apikeys|accesskey|privatekey|secretkey|signingkey|encryptionkey)$/

/** Names already judged; names come from code, so there are few, but a client's headers must not fill the memory. */
const judged = new Map<string, boolean>()
const MAX_JUDGED = 5000

/** Whether a value under this name is a secret: by its words, in any case, with or without `-` and `_`. */
export function isSecretName(name: string): boolean {
  const known = judged.get(name)
  if (known !== undefined) return known
  const plain = name.toLowerCase().replace(/[-_.\s]/g, '')
  const secret = SECRET_NAMES.has(plain) || SECRET_ENDING.test(plain)
  if (judged.size >= MAX_JUDGED) judged.clear()
  judged.set(name, secret)
  return secret
}

const SUSPICIOUS = /stoa_|:\/\/|bearer|basic|[?&]/i
const API_KEY = /(stoa_[0-9A-Za-z]{12,24}_)[0-9A-Za-z]{8,}/g
const AUTH_SCHEME = /\b(bearer|basic)(\s+|%20)[\w.~+/=-]{8,}/gi
const URL_CREDENTIALS = /(:\/\/)[^/@\s]+@/g
const URL_PARAMETER =
  /([?&](?:key|api[-_]?key|token|[a-z]+[-_]token|password|secret|client[-_]secret|signature|sig|code|state)=)[^&\s"'#]+/gi

/**
 * Cuts secrets out of a text: API keys (the public id stays), bearer and basic credentials, and the credentials and
 * secret parameters of URLs. A text beyond 16,384 characters is cut.
 */
export function redactText(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text
  if (!SUSPICIOUS.test(short)) return short
  return short
    .replace(API_KEY, `$1${REDACTED}`)
    .replace(AUTH_SCHEME, `$1 ${REDACTED}`)
    .replace(URL_CREDENTIALS, `$1${REDACTED}@`)
    .replace(URL_PARAMETER, `$1${REDACTED}`)
}

/**
 * A value fit to be logged: secrets replaced, errors spelt out, bounded in depth and length. Never throws, never
 * changes its input.
 */
export function redact(value: unknown): unknown {
  return clean(value, 0)
}

function clean(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value)
    case 'object':
      return value === null ? null : cleanObject(value, depth)
    case 'bigint':
      return String(value)
    case 'function':
    case 'symbol':
      return undefined
    default:
      return value
  }
}

function cleanObject(value: object, depth: number): unknown {
  if (depth >= MAX_DEPTH) return '[too deep]'
  try {
    if (value instanceof Error) return cleanError(value, depth)
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
    if (Array.isArray(value)) return cleanList(value, depth)
    if (value instanceof Map) return clean(Object.fromEntries([...value].slice(0, MAX_ITEMS)), depth)
    if (value instanceof Set) return cleanList([...value], depth)
    if ('toJSON' in value && typeof value.toJSON === 'function') return clean(value.toJSON(), depth + 1)
    return cleanRecord(value as Record<string, unknown>, depth)
  } catch {
    // A getter or a toJSON that throws: a log line must never fail its caller.
    return '[unreadable]'
  }
}

function cleanRecord(source: Record<string, unknown>, depth: number): object {
  let copy: Record<string, unknown> | null = null
  for (const name of Object.keys(source)) {
    const value = source[name]
    const cleaned = isSecretName(name) && isPresent(value) ? REDACTED : clean(value, depth + 1)
    if (cleaned === value) continue
    copy ??= { ...source }
    copy[name] = cleaned
  }
  return copy ?? source
}

/** "There is none" and "yes, there is one" are no secrets. */
function isPresent(value: unknown): boolean {
  return value !== null && value !== undefined && typeof value !== 'boolean'
}

function cleanList(list: readonly unknown[], depth: number): unknown[] {
  const items = list.slice(0, MAX_ITEMS).map((item) => clean(item, depth + 1))
  if (list.length > MAX_ITEMS) items.push(`… ${list.length - MAX_ITEMS} more`)
  return items
}

/** The private side of an error as well: this is the one place where it is meant to appear. */
function cleanError(error: Error, depth: number): object {
  const { name, message, stack, cause } = error
  const own: Record<string, unknown> = {}
  for (const key of Object.keys(error)) {
    if (key !== 'stack' && key !== 'message' && key !== 'cause') own[key] = Reflect.get(error, key)
  }
  return {
    type: name,
    message: redactText(message),
    ...cleanRecord(own, depth),
    ...(error instanceof StoaError && { context: clean(error.context, depth + 1) }),
    ...(error instanceof AggregateError && { errors: clean(error.errors, depth + 1) }),
    ...(cause !== undefined && { cause: clean(cause, depth + 1) }),
    ...(stack !== undefined && { stack: redactText(stack) }),
  }
}
