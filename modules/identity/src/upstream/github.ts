/*
 * Who somebody is at GitHub: OAuth 2.0 with an API of its own, and no OpenID. Nothing is asked for (no scope): the number of
 * the account is public, and so it makes no difference whether somebody shows an address there.
 *
 * GitHub answers a code that does not hold with 200 and an error in the body.
 */
import { StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import type { ProviderRow } from './provider-store.ts'
import { accountOf, answeredError, type UpstreamAccount, upstreamFailure } from './upstream-account.ts'
import type { Asked, Returned } from './upstream-client.ts'

/** Asks, as {@link fetchBy} does. */
type Fetch = (url: string, options: RequestInit) => Promise<Response>

/** Where people are sent to. */
export function githubUrl({ clientId, issuer }: ProviderRow, { challenge, redirectUri, state }: Asked): URL {
  const url = new URL(`${issuer}/login/oauth/authorize`)
  url.search = new URLSearchParams({
    ...{ client_id: clientId, redirect_uri: redirectUri, response_type: 'code', state },
    ...{ code_challenge: challenge, code_challenge_method: 'S256' },
  }).toString()
  return url
}

/** Who has come back. @throws StoaError `upstream_cancelled`, `upstream_failed`, `upstream_unavailable` */
export async function githubAccount(
  { clientId, issuer }: ProviderRow,
  secret: string,
  { params, redirectUri, verifier }: Returned,
  fetch: Fetch,
): Promise<UpstreamAccount> {
  const error = params.get('error')
  if (error !== null) throw answeredError(error)
  // Mix-up (RFC 9207): whoever says who they are has to be the one that was asked.
  const iss = params.get('iss')
  if (iss !== null && new URL(issuer).origin !== URL.parse(iss)?.origin) throw failed()
  const form = { client_id: clientId, client_secret: secret, redirect_uri: redirectUri, code_verifier: verifier }
  const token = await json(fetch, `${issuer}/login/oauth/access_token`, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...form, code: params.get('code') ?? '' }).toString(),
  })
  if (typeof token.access_token !== 'string' || token.access_token === '') throw failed(token.error)
  const user = await json(fetch, `${apiOf(issuer)}/user`, {
    headers: { accept: 'application/vnd.github+json', authorization: `Bearer ${token.access_token}` },
  })
  if (!Number.isSafeInteger(user.id)) throw failed()
  return accountOf(issuer, String(user.id), [user.login])
}

function apiOf(issuer: string): string {
  return issuer === 'https://github.com' ? 'https://api.github.com' : `${issuer}/api/v3`
}

async function json(fetch: Fetch, url: string, options: RequestInit): Promise<Record<string, unknown>> {
  try {
    const response = await fetch(url, options)
    if (!response.ok) throw Object.assign(new Error(`GitHub answered ${response.status}`), { cause: response })
    const body: unknown = await response.json()
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>
    throw failed()
  } catch (error) {
    throw upstreamFailure(error)
  }
}

function failed(cause?: unknown): StoaError {
  return new StoaError(identityErrors.upstream_failed, { cause })
}
