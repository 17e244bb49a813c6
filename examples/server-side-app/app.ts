/*
 * An application with a server of its own that signs people in by Stoa. The browser has a cookie and nothing else; the
 * tokens stay here.
 *
 *   GET  /                     who is signed in
 *   GET  /sign-in              to Stoa: with PKCE, a state and a nonce that belong to this browser
 *   GET  /callback             back from Stoa: the code becomes tokens, and they become a session
 *   POST /sign-out             ends the session here, then everywhere: at Stoa
 *   POST /back-channel-logout  Stoa says that somebody has signed out elsewhere
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { homePage, policyFor } from './home-page.ts'
import { Sessions } from './sessions.ts'

const {
  CLIENT_ID = '',
  CLIENT_SECRET = '',
  ISSUER = 'http://127.0.0.1:3000/t/demo',
  PORT = '4001',
  OWN_URL = `http://localhost:${PORT}`,
} = process.env

if (!CLIENT_ID || !CLIENT_SECRET) refuse('Set CLIENT_ID and CLIENT_SECRET: README.md says where they come from.')

// Outside of one's own machine Stoa is reached by https, and this goes away.
const isLocal = ISSUER.startsWith('http://127.0.0.1') || ISSUER.startsWith('http://localhost')
const stoa = await discovered().catch(({ message }: Error) =>
  refuse(`There is no issuer at ISSUER=${ISSUER} (${message}). Does Stoa run, and is there such an organisation?`),
)
const { issuer, jwks_uri: keysUrl } = stoa.serverMetadata()
const keys = createRemoteJWKSet(new URL(keysUrl as string))
const sessions = new Sessions(OWN_URL.startsWith('https:'))

async function discovered(): Promise<client.Configuration> {
  return await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, client.ClientSecretBasic(CLIENT_SECRET), {
    execute: isLocal ? [client.allowInsecureRequests] : [],
  })
}

/** What is set is wrong: a sentence is enough. */
function refuse(text: string): never {
  console.error(text)
  process.exit(1)
}

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void

const routes: Readonly<Record<string, Handler>> = {
  'GET /': home,
  'GET /sign-in': signIn,
  'GET /callback': callback,
  'POST /sign-out': signOut,
  'POST /back-channel-logout': backChannelLogout,
}

function home({ headers }: IncomingMessage, response: ServerResponse): void {
  response.setHeader('content-security-policy', policyFor(new URL(issuer).origin))
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.end(homePage(sessions.of(headers.cookie)?.person ?? null))
}

async function signIn(_request: IncomingMessage, response: ServerResponse): Promise<void> {
  const begun = {
    verifier: client.randomPKCECodeVerifier(),
    state: client.randomState(),
    nonce: client.randomNonce(),
  }
  const url = client.buildAuthorizationUrl(stoa, {
    redirect_uri: `${OWN_URL}/callback`,
    scope: 'openid profile email',
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(begun.verifier),
    code_challenge_method: 'S256',
  })
  response.setHeader('set-cookie', sessions.begin({ begun }))
  redirect(response, url.href)
}

async function callback({ headers }: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const begun = sessions.of(headers.cookie)?.begun
  // Whoever is led here without having begun stays as they are.
  if (begun === undefined) return redirect(response, '/')
  sessions.take(headers.cookie)
  // Whether the answer is Stoa's, and the one to this question, is what the library looks at.
  const tokens = await client.authorizationCodeGrant(stoa, url, {
    pkceCodeVerifier: begun.verifier,
    expectedState: begun.state,
    expectedNonce: begun.nonce,
  })
  const { sid, sub } = tokens.claims() as client.IDToken
  const { email = '', name = sub } = await client.fetchUserInfo(stoa, tokens.access_token, sub)
  const person = { name, email }
  // Another cookie than before: nobody knows it but this browser.
  response.setHeader('set-cookie', sessions.begin({ person, sid: String(sid), idToken: tokens.id_token as string }))
  redirect(response, '/')
}

function signOut({ headers }: IncomingMessage, response: ServerResponse): void {
  const idToken = sessions.take(headers.cookie)?.idToken ?? ''
  const back = { id_token_hint: idToken, post_logout_redirect_uri: `${OWN_URL}/` }
  redirect(response, idToken === '' ? '/' : client.buildEndSessionUrl(stoa, back).href)
}

/** OpenID Connect Back-Channel Logout 1.0, 2.6: what is checked of a logout token. */
async function backChannelLogout(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const token = new URLSearchParams(await text(request)).get('logout_token') ?? ''
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience: CLIENT_ID,
    typ: 'logout+jwt',
    algorithms: ['ES256', 'EdDSA'],
    maxTokenAge: '5 minutes',
    clockTolerance: 60,
    requiredClaims: ['events', 'jti', 'sid'],
  })
  const isLogout = Object.hasOwn(payload.events as object, 'http://schemas.openid.net/event/backchannel-logout')
  if (!isLogout || payload.nonce !== undefined) throw new Error('this is no logout token')
  sessions.end(String(payload.sid))
  response.setHeader('cache-control', 'no-store')
  response.end()
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location }).end()
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', OWN_URL)
  response.setHeader('cache-control', 'no-store')
  try {
    const handler = routes[`${request.method} ${url.pathname}`]
    if (handler === undefined) response.writeHead(404).end('There is nothing here.')
    else await handler(request, response, url)
  } catch (error) {
    console.error(error)
    if (!response.headersSent) response.writeHead(400)
    response.end('That did not work. Begin again.')
  }
}).listen(Number(PORT), '127.0.0.1')
await once(server, 'listening')
console.log(`ready at ${OWN_URL}`)
