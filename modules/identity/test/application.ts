/* An application of a tenant, by the library that such applications use. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Tenant } from '@stoa/kernel'
import * as client from 'openid-client'
import type { Arrival, Person } from './person.ts'
import type { Suite } from './setup.ts'

export const CALLBACK = 'https://app.example.org/callback'

export interface Application {
  readonly id: string
  readonly secret: string | null
  readonly config: client.Configuration
}

/** Adds an application. Default: a web application of the organisation's own. */
export async function newApplication(
  suite: Suite,
  tenant: Tenant,
  { issuer, ...over }: Readonly<Record<string, unknown>> & { readonly issuer?: string } = {},
): Promise<Application> {
  const scopes = ['openid', 'profile', 'email', 'offline_access', 'notes:read', 'notes:write', 'identity:clients:read']
  const body = { name: 'Shop', redirectUris: [CALLBACK], consent: 'given', scopes, ...over }
  const answer = await suite
    .as(tenant)
    .send<{ client: { id: string }; secret: string | null }>('POST', '/api/v1/oauth-clients', { body })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  const { client: made, secret } = answer.body
  return { id: made.id, secret, config: await configOf(suite, tenant, made.id, secret, issuer) }
}

export async function configOf(
  suite: Suite,
  tenant: Tenant,
  id: string,
  secret: string | null,
  issuer: string = suite.issuer(tenant),
  algorithm: 'oidc' | 'oauth2' = 'oidc',
) {
  const auth = secret === null ? client.None() : client.ClientSecretBasic(secret)
  const execute = [client.allowInsecureRequests]
  const options = { execute, algorithm, [client.customFetch]: reaching(suite) }
  return client.discovery(new URL(issuer), id, secret ?? undefined, auth, options)
}

/** Asks where the addresses of the suite are found. */
function reaching(suite: Suite): client.CustomFetch {
  return (address, { headers, ...options }) => {
    const reached = suite.reach(new URL(address)) ?? assert.fail(address)
    return fetch(reached.url, { ...options, headers: { ...headers, ...reached.headers } } as RequestInit)
  }
}

/** What was asked for, and what is needed to go on. */
export interface Asked {
  readonly verifier: string
  readonly state: string
  readonly nonce: string
  readonly url: URL
}

/** What an application sends people to. */
export async function ask({ config }: Application, over: Readonly<Record<string, string>> = {}): Promise<Asked> {
  const verifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), client.randomNonce()]
  const parameters = {
    ...{ redirect_uri: CALLBACK, scope: 'openid profile email', state, nonce },
    ...{ code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...over },
  }
  return { verifier, state, nonce, url: client.buildAuthorizationUrl(config, parameters) }
}

/** Exchanges the code that somebody came back with. */
export function exchange(
  { config }: Application,
  { nonce, state, verifier }: Asked,
  { url }: Arrival,
  resource?: string,
) {
  assert.equal(url.origin + url.pathname, CALLBACK, url.href)
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }
  return client.authorizationCodeGrant(config, url, checks, resource === undefined ? undefined : { resource })
}

/** Lets somebody who is signed in use an application. */
export async function enter(person: Person, application: Application, over: Readonly<Record<string, string>> = {}) {
  const asked = await ask(application, over)
  return exchange(application, asked, await person.open(asked.url), over.resource)
}

/** An application that keeps what it is told. */
export async function listener() {
  const told: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request.setEncoding('utf8')) body += part
    told.push(new URLSearchParams(body).get('logout_token') ?? '')
    response.writeHead(200).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/signed-out`
  return { told, url, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) }
}
