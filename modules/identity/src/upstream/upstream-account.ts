import { StoaError } from '@stoa/kernel'
import { OutboundError } from '@stoa/outbound'
import { identityErrors } from '../errors.ts'

/** Somebody, as a provider names them. Nothing of it but issuer and subject says who they are here. */
export interface UpstreamAccount {
  readonly issuer: string
  readonly subject: string
  /** What they know it by: an address, a name. It proves nothing. */
  readonly label: string
}

const SUBJECT = /^[\x20-\x7E]{1,255}$/
const LABEL_MAX = 200

/** An account, of what a provider says. @throws StoaError `upstream_failed` when it names nobody */
export function accountOf(issuer: unknown, subject: unknown, labels: readonly unknown[]): UpstreamAccount {
  if (typeof issuer !== 'string' || typeof subject !== 'string' || !SUBJECT.test(subject)) {
    throw new StoaError(identityErrors.upstream_failed)
  }
  const [label = subject] = labels.flatMap((one) => {
    const text =
      typeof one === 'string'
        ? one
            .toWellFormed()
            .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
            .trim()
        : ''
    return text === '' ? [] : [[...text].slice(0, LABEL_MAX).join('')]
  })
  return { issuer, subject, label }
}

/** Said by whoever changed their mind over there, or is not let in there (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6). */
const CANCELLED = new Set([
  'access_denied',
  'account_selection_required',
  'consent_required',
  'interaction_required',
  'login_required',
])
const AWAY = new Set(['server_error', 'temporarily_unavailable'])

/** What an error of a provider's answer in the browser comes to. */
export function answeredError(word: string, cause?: unknown): StoaError {
  if (CANCELLED.has(word)) return new StoaError(identityErrors.upstream_cancelled, { cause })
  return new StoaError(AWAY.has(word) ? identityErrors.upstream_unavailable : identityErrors.upstream_failed, { cause })
}

/** What a failure comes to: they are away, they said no, or what they said does not hold. */
export function upstreamFailure(error: unknown): StoaError {
  if (error instanceof StoaError) return error
  const { code, error: word } = error as { readonly code?: unknown; readonly error?: unknown }
  if (code === 'OAUTH_AUTHORIZATION_RESPONSE_ERROR') return answeredError(String(word), error)
  const isAway = causesOf(error).some(
    (one) =>
      one instanceof OutboundError ||
      (one instanceof Error && one.name === 'TimeoutError') ||
      (one instanceof Response && one.status >= 500),
  )
  return new StoaError(isAway ? identityErrors.upstream_unavailable : identityErrors.upstream_failed, { cause: error })
}

const DEEPEST = 5

function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = []
  for (let at = error; at != null && causes.length < DEEPEST; at = (at as { readonly cause?: unknown }).cause) {
    causes.push(at)
  }
  return causes
}
