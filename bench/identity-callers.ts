// Who asks the identity room: applications, and people with browsers. They share the machine with what is measured, so they do little.

import { createHash, randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { quantile } from './harness.ts'

/** An answer. */
export interface Answer {
  readonly status: number
  readonly cookies: readonly string[]
  readonly location: string | null
  readonly text: string
}

/** An application of the organisation. */
export interface Application {
  readonly id: string
  readonly secret: string
}

/** What came of asking at a steady rate. */
export interface Paced {
  readonly latenciesMs: readonly number[]
  readonly failed: number
}

export const PASSWORD = 'a walk along the river'
const CALLBACK = 'https://app.example.org/callback'
const FORM = 'application/x-www-form-urlencoded'

const agent = new Agent({ keepAlive: true, maxSockets: 512 })

/** Asks once, on a connection that is kept. */
export function ask(
  url: string,
  options: { readonly form?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const { form, headers = {} } = options
  const { promise, reject, resolve } = Promise.withResolvers<Answer>()
  const sent = form === undefined ? {} : { 'content-type': FORM, 'content-length': String(Buffer.byteLength(form)) }
  const asked = request(url, { agent, method: form === undefined ? 'GET' : 'POST', headers: { ...headers, ...sent } })
  asked.on('response', (response) => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => parts.push(part))
    response.on('end', () => {
      const { location = null, 'set-cookie': set = [] } = response.headers
      const cookies = set.map((line) => line.split(';', 1)[0] as string)
      resolve({ status: response.statusCode ?? 0, cookies, location, text: Buffer.concat(parts).toString() })
    })
    response.on('error', reject)
  })
  asked.on('error', reject)
  asked.end(form)
  return promise
}

/** The header of an application. */
export function basic({ id, secret }: Application): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}

/** Adds an application. */
export async function addApplication(url: string, key: string, more: object): Promise<Application> {
  const response = await fetch(`${url}/api/v1/oauth-clients`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ name: 'Bench', consent: 'given', ...more }),
  })
  if (response.status !== 201) throw new Error(await response.text())
  const { client, secret } = (await response.json()) as { client: { id: string }; secret: string }
  return { id: client.id, secret }
}

/** One that signs people in. */
export function addWebApplication(url: string, key: string): Promise<Application> {
  return addApplication(url, key, { redirectUris: [CALLBACK], scopes: ['openid', 'profile', 'links:read'] })
}

/** A browser that has opened a page with a form: cookies, and the form's token. */
export interface Visit {
  readonly cookie: string
  readonly formToken: string
}

/** Opens a page with a form. */
export async function openForm(url: string): Promise<Visit> {
  const { cookies, text } = await ask(url)
  const [, formToken] = /name="token_form" value="([^"]+)"/.exec(text) ?? []
  if (formToken === undefined) throw new Error(`there is no form: ${text}`)
  return { cookie: cookies.join('; '), formToken }
}

/** Sets a password by the link that was mailed. */
export async function setPassword(issuer: string, reset: string): Promise<void> {
  const { cookie, formToken } = await openForm(`${issuer}/reset?token=${reset}`)
  const form = new URLSearchParams({ token: reset, password: PASSWORD, token_form: formToken })
  const { status, text } = await ask(`${issuer}/reset`, { form: form.toString(), headers: { cookie } })
  if (status !== 303) throw new Error(`no password was set: ${status} ${text}`)
}

/** Signs in. @returns the cookies of the session */
export async function signIn(issuer: string, email: string, { cookie, formToken }: Visit): Promise<string> {
  const form = new URLSearchParams({ email, password: PASSWORD, token_form: formToken })
  const { cookies, status, text } = await ask(`${issuer}/sign-in`, { form: form.toString(), headers: { cookie } })
  if (status !== 303) throw new Error(`nobody was signed in: ${status} ${text}`)
  return cookies.join('; ')
}

/** Tries a password that is wrong, from an address and a network that nobody came from before. */
export async function tryWrong(issuer: string, email: string, { cookie, formToken }: Visit, turn: number) {
  const form = new URLSearchParams({ email, password: 'not the password', token_form: formToken })
  const headers = { cookie, 'x-forwarded-for': `10.${(turn >> 8) & 255}.${turn & 255}.7` }
  const { status, text } = await ask(`${issuer}/sign-in`, { form: form.toString(), headers })
  if (status !== 422) throw new Error(`the password was not looked at: ${status} ${text}`)
}

/** Lets somebody who is signed in use an application. @returns a refresh token */
export async function enter(issuer: string, application: Application, cookie: string): Promise<string> {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const resource = `${new URL(issuer).origin}/api/v1`
  const query = new URLSearchParams({
    ...{ client_id: application.id, response_type: 'code', redirect_uri: CALLBACK, scope: 'openid profile links:read' },
    ...{ code_challenge: challenge, code_challenge_method: 'S256', resource },
  })
  const { location, text } = await ask(`${issuer}/authorize?${query}`, { headers: { cookie } })
  const code = location && new URL(location, issuer).searchParams.get('code')
  if (!code) throw new Error(`there is no code: ${location ?? text}`)
  const form = new URLSearchParams({
    ...{ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier, resource },
  })
  return (await tokensOf(issuer, application, form.toString())).refresh_token
}

/** Tokens for what a form says. */
export async function tokensOf(issuer: string, application: Application, form: string) {
  const headers = { authorization: basic(application) }
  const { status, text } = await ask(`${issuer}/token`, { form, headers })
  if (status !== 200) throw new Error(`there are no tokens: ${status} ${text}`)
  return JSON.parse(text) as { readonly access_token: string; readonly refresh_token: string }
}

/** Uses refresh tokens, each for the next one, until the time is over. @returns how many were used, and the last ones */
export async function refreshAll(
  issuer: string,
  application: Application,
  tokens: readonly string[],
  seconds: number,
): Promise<{ readonly used: number; readonly last: readonly string[] }> {
  const until = performance.now() + seconds * 1e3
  const resource = encodeURIComponent(`${new URL(issuer).origin}/api/v1`)
  let used = 0
  const last = await Promise.all(
    tokens.map(async (first) => {
      let token = first
      while (performance.now() < until) {
        const form = `grant_type=refresh_token&refresh_token=${token}&resource=${resource}`
        token = (await tokensOf(issuer, application, form)).refresh_token
        used += 1
      }
      return token
    }),
  )
  return { used, last }
}

/** Asks at a steady rate, whether there was an answer or not. A latency counts from when it was time to ask. */
export async function paced(
  perSecond: number,
  seconds: number,
  once: (turn: number) => Promise<unknown>,
): Promise<Paced> {
  const latenciesMs: number[] = []
  let failed = 0
  const begun = performance.now()
  const asked: Promise<void>[] = []
  for (let turn = 0; turn < perSecond * seconds; turn++) {
    const at = begun + (turn * 1e3) / perSecond
    const early = at - performance.now()
    if (early > 0) await delay(early)
    const answered = once(turn).then(
      () => void latenciesMs.push(performance.now() - at),
      () => {
        failed += 1
      },
    )
    asked.push(answered)
  }
  await Promise.all(asked)
  return { latenciesMs, failed }
}

/** The 99th of a hundred. */
export function p99({ latenciesMs }: Paced): number {
  return quantile(latenciesMs, 0.99)
}
