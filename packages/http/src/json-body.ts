/*
 * Reading a JSON body. Refused before anything is built of it: bytes that are not UTF-8, and nesting beyond 32 (found
 * by one pass over the bytes, because a megabyte of `[` would become fifty megabytes of arrays first). `__proto__` and
 * `constructor.prototype` as keys are refused by Fastify's own parser. NUL and lone surrogates can be in valid JSON
 * only as `\u` escapes, so only a body with such an escape is searched for them; PostgreSQL can store neither.
 */
import { isUtf8 } from 'node:buffer'
import { errors, type FieldError, StoaError } from '@stoa/kernel'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { protocolErrors } from './protocol-errors.ts'

/** What a form of a page sends. */
export const FORM_TYPE = 'application/x-www-form-urlencoded'

/** The deepest nesting of objects and arrays that is read. */
const MAX_JSON_DEPTH = 32

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether objects and arrays nest deeper than `max`. Brackets inside strings do not count. */
function nestsDeeper(bytes: Uint8Array, max: number): boolean {
  let depth = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === 0x5b || byte === 0x7b) {
      depth += 1
      if (depth > max) return true
    } else if (byte === 0x5d || byte === 0x7d) {
      depth -= 1
    } else if (byte === QUOTE) {
      at = endOfString(bytes, at + 1)
    }
  }
  return false
}

function endOfString(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at
}

/** Where text holds NUL or a lone surrogate, as fields at fault; at most one. */
function unsafeText(value: unknown, pointer: string): FieldError | null {
  if (typeof value === 'string') return isUnsafe(value) ? fieldError(pointer) : null
  if (typeof value !== 'object' || value === null) return null
  for (const [key, item] of Object.entries(value)) {
    const found = isUnsafe(key) ? fieldError(pointer) : unsafeText(item, `${pointer}/${escapePointer(key)}`)
    if (found) return found
  }
  return null
}

function isUnsafe(text: string): boolean {
  return text.includes('\0') || !text.isWellFormed()
}

function fieldError(pointer: string): FieldError {
  return { pointer, code: 'unsafe_text', message: 'holds a NUL or a lone surrogate' }
}

/** One part of a JSON pointer (RFC 6901 §4). */
export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Percent-encoded NUL, and the percent-encoded UTF-8 form of a surrogate (`%ED%A0%80`–`%ED%BF%BF`). */
const UNSAFE_URL = /%00|%ed%[ab]/i

/** The refusal of an address whose path or query holds NUL or a lone surrogate; null when it is sound. */
export function checkUrlText(url: string): StoaError | null {
  if (!url.includes('%') || !UNSAFE_URL.test(url)) return null
  const [path = ''] = url.split('?', 1)
  const pointer = UNSAFE_URL.test(path) ? '/params' : '/query'
  return new StoaError(errors.validation_failed, { fields: [fieldError(pointer)] })
}

/**
 * Replaces Fastify's parsers: JSON alone is read, and an empty body counts as none; text where a route takes text.
 */
export function useJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    readJson(parse, request, bytes, done)
    return undefined
  })
  // Of another standard, where a route speaks as it does.
  app.addContentTypeParser<Buffer>(/^application\/[a-z.]+\+json\b/, { parseAs: 'buffer' }, (request, bytes, done) => {
    const { dialect } = request.routeOptions.config
    const [mediaType = ''] = (request.headers['content-type'] ?? '').split(';')
    if (mediaType.trim().toLowerCase() !== dialect?.mediaType) {
      return done(new StoaError(errors.unsupported_media_type))
    }
    readJson(parse, request, bytes, done)
    return undefined
  })
  app.addContentTypeParser<Buffer>('text/plain', { parseAs: 'buffer' }, (request, bytes, done) => {
    if (!request.routeOptions.config.textBody) return done(notJson())
    if (!isUtf8(bytes)) return done(new StoaError(errors.invalid_request, { message: 'The body is not valid UTF-8.' }))
    done(null, bytes.toString('utf8'))
    return undefined
  })
  useForms(app)
}

/** For what programs send as it is when they are told nothing else: `curl -d` a form, `fetch` a text. */
const notJson = () =>
  new StoaError(errors.unsupported_media_type, {
    message: "Send JSON, with the header 'Content-Type: application/json'.",
  })

/**
 * The fields of a form, each a string; one that comes twice counts once, the last. Where a route takes JSON a form is
 * refused, so no page can send one without being asked (CORS).
 */
function useForms(app: FastifyInstance): void {
  app.addContentTypeParser<Buffer>(FORM_TYPE, { parseAs: 'buffer' }, (request, bytes, done) => {
    if (!request.routeOptions.config.formBody) return done(notJson())
    const fields = Object.fromEntries(new URLSearchParams(bytes.toString('utf8')))
    const unsafe = unsafeText(fields, '/body')
    done(unsafe ? new StoaError(errors.validation_failed, { fields: [unsafe] }) : null, fields)
    return undefined
  })
}

function flawOf(bytes: Buffer): StoaError | null {
  if (!isUtf8(bytes)) return new StoaError(protocolErrors.malformed_json, { message: 'The body is not valid UTF-8.' })
  if (nestsDeeper(bytes, MAX_JSON_DEPTH)) {
    return new StoaError(protocolErrors.json_too_deep, {
      message: `The body is nested deeper than ${MAX_JSON_DEPTH} levels.`,
    })
  }
  return null
}

type Done = (error: Error | null, body?: unknown) => void
type Parse = ReturnType<FastifyInstance['getDefaultJsonParser']>

function readJson(parse: Parse, request: FastifyRequest, bytes: Buffer, done: Done): void {
  const flaw = bytes.length === 0 ? null : flawOf(bytes)
  if (flaw || bytes.length === 0) done(flaw, undefined)
  else readText(parse, request, bytes.toString('utf8'), done)
}

function readText(parse: Parse, request: FastifyRequest, text: string, done: Done): void {
  const mayBeUnsafe = text.includes('\\u')
  parse(request, text, (error: Error | null, body?: unknown) => {
    if (error) return done(refusalOf(error, text))
    const unsafe = mayBeUnsafe ? unsafeText(body, '/body') : null
    done(unsafe ? new StoaError(errors.validation_failed, { fields: [unsafe] }) : null, body)
  })
}

/** The parser does not say why. What is JSON all the same has one of the keys that it refuses. */
function refusalOf(error: Error, text: string): Error {
  try {
    JSON.parse(text)
  } catch {
    return error
  }
  return new StoaError(protocolErrors.malformed_json, { cause: error, message: FORBIDDEN_KEY })
}

const FORBIDDEN_KEY = 'The body has a key that is not taken: `__proto__`, or `prototype` within `constructor`.'
