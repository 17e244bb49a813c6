/*
 * Who is asking. A scheme looks at the headers and says: not mine (null), mine and this is who (a principal), or mine
 * and not valid (it throws `unauthenticated`). The first scheme that does not say null decides, so a bad key is never
 * silently treated as anonymous.
 *
 * A scheme answers synchronously when it can: a cached key then costs no promise.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { type Actor, errors, type Proof, type ResourceGrants, StoaError, type Tenant } from '@stoa/kernel'

/** Who is asking, in which tenant, and what they may do. One object serves many requests: it is never changed. */
export interface Principal {
  readonly actor: Actor
  readonly tenant: Tenant
  readonly permissions: ReadonlySet<string>
  /** What they may do besides with single resources. Default: nothing. */
  readonly grants?: ResourceGrants
  /** Whom the credentials belong to, when it is not the actor: see `BaseCtx.owner`. */
  readonly owner?: Actor
  /** The sign-in that it goes back to: see `BaseCtx.proof`. */
  readonly proof?: Proof
  /** When it ends, in milliseconds since 1970: a connection that stays open ends then. Default: never. */
  readonly expiresAtMs?: number
  /**
   * When it may less, because of time alone (a grant ends), in milliseconds since 1970: for a connection that stays open,
   * who it is is asked again then. Default: never.
   */
  readonly rightsEndAtMs?: number
  /** Whose token bucket requests come out of, unique over all tenants. */
  readonly limitKey: string
  /** Another bucket for the operations without one of their own. Default: the assembly's. */
  readonly rateLimit?: { readonly capacity: number; readonly refillPerSecond: number }
}

/** What a scheme is told about a request. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders
  /** The caller's address, for what must be counted by address. */
  readonly ip: string
  /** Of the request, for proofs that hold for one request alone. Absent: a message on an open connection. */
  readonly method?: string
  /** The address of the request as it came: path and query. */
  readonly url?: string
  /** Who was let in is looked at again: the proof of then is not asked for once more. Default false. */
  readonly again?: boolean
}

/** One way of proving who is asking. */
export interface AuthScheme {
  /** Its name in the OpenAPI document: `apiKey`. */
  readonly name: string
  /** Its security scheme object in the OpenAPI document. */
  readonly openapi: object
  /** What `WWW-Authenticate` offers: `Bearer realm="stoa"`. */
  readonly challenge: string
  /**
   * @returns null when the request carries no credentials of this scheme
   * @throws StoaError `unauthenticated` when it carries some and they are not valid
   */
  authenticate(credentials: Credentials): Principal | null | Promise<Principal | null>
}

/** Asks the schemes in turn; null when none knows the caller. */
export function authenticate(
  schemes: readonly AuthScheme[],
  credentials: Credentials,
): Principal | null | Promise<Principal | null> {
  for (let index = 0; index < schemes.length; index++) {
    const answer = schemes[index]?.authenticate(credentials) ?? null
    if (answer === null) continue
    if (!(answer instanceof Promise)) return answer
    return answer.then((found) => found ?? authenticate(schemes.slice(index + 1), credentials))
  }
  return null
}

/** The refusal of a caller whom no scheme knows. */
export function unknownCaller(): StoaError {
  return new StoaError(errors.unauthenticated, {
    message: "This needs an API key or an access token, as the header 'Authorization: Bearer …'.",
  })
}

/** The token of `Authorization: Bearer <token>` (RFC 6750 §2.1); null when there is none. */
export function bearerToken(headers: IncomingHttpHeaders): string | null {
  const header = headers.authorization
  if (header === undefined || header.length < 8 || header.charCodeAt(6) !== 0x20) return null
  return header.slice(0, 6).toLowerCase() === 'bearer' ? header.slice(7).trim() : null
}
