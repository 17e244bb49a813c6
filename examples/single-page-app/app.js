/*
 * An application that lives in the browser and signs people in by Stoa.
 *
 *   sign in    to Stoa and back, with PKCE, a state and a nonce; whoever is signed in at Stoa comes back at once
 *   tokens     in memory only, and bound to a key that cannot leave the browser (DPoP): copied, they are worth nothing
 *   signed out elsewhere: Stoa gives no tokens any more, which is noticed when the page is looked at again, or soon
 */
import * as oauth from 'oauth4webapi'

/** @typedef {{ access: string, refresh: string, idToken: string, sub: string }} Tokens */

/** How often it is looked whether the session is still there, in milliseconds. */
const LOOK_AGAIN_MS = 15_000

const redirectUri = `${location.origin}/`
const { clientId, issuer } = await (await fetch('/settings.json')).json()
// Outside of one's own machine Stoa is reached by https, and this goes away.
const isLocal = /^http:\/\/(127\.0\.0\.1|localhost)[:/]/.test(issuer)
const options = { [oauth.allowInsecureRequests]: isLocal }
/** @type {oauth.Client} */
const client = { client_id: clientId }
/** @type {Tokens | null} */
let tokens = null
/** @type {Promise<void> | null} */
let looking = null

const stoa = await discovered().catch((error) => {
  element('text').textContent = `There is no issuer at ${issuer}. Does Stoa run, and is there such an organisation?`
  throw error
})
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256', { extractable: false }))

async function discovered() {
  const url = new URL(issuer)
  return await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, options))
}

async function signIn() {
  const begun = {
    verifier: oauth.generateRandomCodeVerifier(),
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
  }
  sessionStorage.setItem('begun', JSON.stringify(begun))
  const url = new URL(/** @type {string} */ (stoa.authorization_endpoint))
  url.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(begun.verifier),
    code_challenge_method: 'S256',
  }).toString()
  location.assign(url)
}

/** Back from Stoa: the code becomes tokens. */
async function comeBack() {
  const { nonce, state, verifier } = JSON.parse(sessionStorage.getItem('begun') ?? '{}')
  sessionStorage.removeItem('begun')
  const answer = new URL(location.href)
  history.replaceState(null, '', redirectUri)
  const code = oauth.validateAuthResponse(stoa, client, answer, state)
  const none = oauth.None()
  const response = await oauth.authorizationCodeGrantRequest(stoa, client, none, code, redirectUri, verifier, {
    ...options,
    DPoP,
  })
  const given = await oauth.processAuthorizationCodeResponse(stoa, client, response, {
    expectedNonce: nonce,
    requireIdToken: true,
  })
  tokens = {
    access: given.access_token,
    refresh: given.refresh_token ?? '',
    idToken: given.id_token ?? '',
    sub: oauth.getValidatedIdTokenClaims(given)?.sub ?? '',
  }
}

function signOut() {
  if (tokens === null) return
  const url = new URL(/** @type {string} */ (stoa.end_session_endpoint))
  url.search = new URLSearchParams({ id_token_hint: tokens.idToken, post_logout_redirect_uri: redirectUri }).toString()
  location.assign(url)
}

/** Who is signed in, as Stoa says now. @param {Tokens} held */
async function person({ access, sub }) {
  const response = await oauth.userInfoRequest(stoa, client, access, { ...options, DPoP })
  return await oauth.processUserInfoResponse(stoa, client, sub, response)
}

/** New tokens for old ones. Each refresh token works once. @param {Tokens} held */
async function refreshed(held) {
  const response = await oauth.refreshTokenGrantRequest(stoa, client, oauth.None(), held.refresh, { ...options, DPoP })
  const given = await oauth.processRefreshTokenResponse(stoa, client, response)
  return { ...held, access: given.access_token, refresh: given.refresh_token ?? held.refresh }
}

/** Looks, once at a time: a refresh token that is used twice is taken for a stolen one. */
function look() {
  looking ??= lookOnce().finally(() => {
    looking = null
  })
  return looking
}

/** Shows who is signed in. Tokens that work no more are renewed; when that is refused, the session has ended. */
async function lookOnce() {
  if (tokens === null) return show('The garden', 'You are not signed in.')
  try {
    const { email, name } = await person(tokens).catch(async () => {
      tokens = await refreshed(/** @type {Tokens} */ (tokens))
      return await person(tokens)
    })
    show(`Welcome, ${name}`, `Signed in as ${email}. The tokens are bound to this page.`)
  } catch (error) {
    if (!(error instanceof oauth.ResponseBodyError)) return show('The garden', 'Stoa cannot be reached just now.')
    tokens = null
    show('The garden', 'You were signed out.')
  }
}

/** @param {string} title @param {string} text */
function show(title, text) {
  element('title').textContent = title
  element('text').textContent = text
  element('sign-in').hidden = tokens !== null
  element('sign-out').hidden = tokens === null
}

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id))
}

element('sign-in').addEventListener('click', signIn)
element('sign-out').addEventListener('click', signOut)
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && look())
if (/[?&](code|error)=/.test(location.search)) {
  await comeBack().catch((error) => console.warn('the sign-in was not completed', error))
}
await look()
setInterval(look, LOOK_AGAIN_MS)
