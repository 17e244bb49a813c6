/*
 * The errors of the protocol: codes that only an HTTP edge can have, and the translation of what Fastify, its body
 * parser and its router throw into errors of ours. Their own texts never leave: they name internals, and differ from
 * version to version.
 */
import { defineErrors, type ErrorSpec, errors, StoaError } from '@stoa/kernel'

/** Codes of the HTTP edge, beyond the ground's. */
export const protocolErrors = defineErrors({
  uri_too_long: { kind: 'too_large', message: 'The address is too long.' },
  headers_too_large: { kind: 'too_large', message: 'The headers are too large.' },
  malformed_json: { kind: 'malformed', message: 'The body is not valid JSON.' },
  json_too_deep: { kind: 'malformed', message: 'The body is nested too deeply.' },
})

const BY_FASTIFY_CODE: Readonly<Record<string, ErrorSpec>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: errors.payload_too_large,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: errors.unsupported_media_type,
  FST_ERR_CTP_INVALID_JSON_BODY: protocolErrors.malformed_json,
  FST_ERR_CTP_EMPTY_JSON_BODY: protocolErrors.malformed_json,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: errors.invalid_request,
  FST_ERR_BAD_URL: errors.invalid_request,
  FST_ERR_MAX_PARAM_LENGTH: protocolErrors.uri_too_long,
  FST_ERR_NOT_FOUND: errors.not_found,
  FST_ERR_HANDLER_TIMEOUT: errors.unavailable,
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: errors.unsupported_media_type,
}

const BY_STATUS: Readonly<Record<number, ErrorSpec>> = {
  400: errors.invalid_request,
  404: errors.not_found,
  405: errors.method_not_allowed,
  408: errors.request_timeout,
  413: errors.payload_too_large,
  414: protocolErrors.uri_too_long,
  415: errors.unsupported_media_type,
  431: protocolErrors.headers_too_large,
}

/** Anything that reached the error handler, as an error of ours. What is not known is `internal`. */
export function fromThrown(thrown: unknown): StoaError {
  if (thrown instanceof StoaError) return thrown
  const { code, statusCode } = (thrown ?? {}) as { code?: unknown; statusCode?: unknown }
  const byCode = typeof code === 'string' && Object.hasOwn(BY_FASTIFY_CODE, code) ? BY_FASTIFY_CODE[code] : undefined
  if (byCode) return new StoaError(byCode, { cause: thrown })
  const fromFramework = typeof code === 'string' && code.startsWith('FST_')
  const byStatus = fromFramework && typeof statusCode === 'number' ? BY_STATUS[statusCode] : undefined
  return new StoaError(byStatus ?? errors.internal, { cause: thrown })
}

/** What node:http could not read, before there is a request. */
export function fromClientError(error: { readonly code?: string }): StoaError {
  if (error.code === 'HPE_HEADER_OVERFLOW') return new StoaError(protocolErrors.headers_too_large, { cause: error })
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new StoaError(errors.request_timeout, { cause: error })
  return new StoaError(errors.invalid_request, { cause: error })
}
