/*
 * Another provider of identities, over HTTP in this process: OpenID with tokens that it signs properly, and GitHub's OAuth
 * with its API. A test makes it misbehave as real ones do.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** What is not as it should be. */
export interface Misbehaviour {
  /** Claims of the ID token, over what is right; undefined takes one away. */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly alg?: 'none' | 'HS256'
  /** Signed by a key that it does not publish. */
  readonly foreignKey?: boolean
  /** `iss` of the answer in the browser; undefined: it is not sent. */
  readonly answerIss?: string | undefined
  /** Answers in the browser with this error. */
  readonly error?: string
  /** Status of the token endpoint, with this body. */
  readonly token?: { readonly status: number; readonly body: object }
  /** Does not answer at these paths before a while has gone by, in milliseconds. */
  readonly slow?: { readonly path: string; readonly ms: number }
  /** What it says that its issuer is. */
  readonly issuer?: string
}

/** Somebody over there. */
export interface Account {
  readonly sub: string
  readonly email?: string
  readonly email_verified?: boolean
  readonly name?: string
  readonly [claim: string]: unknown
}

/** What was asked of it at its token endpoint. */
interface Exchange {
  readonly code: string
  readonly parameters: URLSearchParams
  readonly authorization: string | undefined
}

interface Given {
  readonly account: Account
  readonly parameters: URLSearchParams
}

const CLIENT_ID = 'stoa'
const CLIENT_SECRET = 'a-secret-of-theirs'

/** How it knows us. */
export const CLIENT = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET } as const

/** A provider. */
export class OtherProvider implements AsyncDisposable {
  /** Who is signed in there. */
  account: Account = { sub: '1', email: 'ann@example.net', email_verified: true }
  wrong: Misbehaviour = {}
  /** What it calls itself. */
  issuer = ''
  /** Where it is. */
  url = ''
  readonly exchanges: Exchange[] = []
  readonly #codes = new Map<string, Given>()
  readonly #key = generateKeyPairSync('rsa', { modulusLength: 2048 })
  readonly #foreign = generateKeyPairSync('rsa', { modulusLength: 2048 })
  readonly #server = createServer((request, response) => {
    // Who asks may have gone meanwhile: that is what slow answers are for.
    this.#answer(request, response).catch(() => response.destroy())
  })

  static async start(): Promise<OtherProvider> {
    const one = new OtherProvider()
    one.#server.listen(0, '127.0.0.1')
    await once(one.#server, 'listening')
    one.url = `http://127.0.0.1:${(one.#server.address() as AddressInfo).port}`
    one.issuer = one.url
    return one
  }

  /** As a browser: opens what Stoa sends people to, and gives where it is sent back to. */
  visit(url: URL): URL {
    const { searchParams: parameters } = url
    const back = new URL(parameters.get('redirect_uri') ?? '')
    const answer = back.searchParams
    answer.set('state', parameters.get('state') ?? '')
    if (this.wrong.error === undefined) answer.set('code', this.#code(parameters))
    else answer.set('error', this.wrong.error)
    const iss = 'answerIss' in this.wrong ? this.wrong.answerIss : this.issuer
    if (iss !== undefined) answer.set('iss', iss)
    return back
  }

  #code(parameters: URLSearchParams): string {
    const code = randomBytes(16).toString('base64url')
    this.#codes.set(code, { account: this.account, parameters })
    return code
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '', this.url)
    const { slow } = this.wrong
    const send = (status: number, body: object) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (slow?.path === pathname) await new Promise((done) => setTimeout(done, slow.ms).unref())
    if (pathname.endsWith('/.well-known/openid-configuration')) send(200, this.#metadata())
    else if (pathname === '/jwks')
      send(200, { keys: [{ ...this.#key.publicKey.export({ format: 'jwk' }), kid: 'one' }] })
    else if (pathname === '/token') await this.#token(request, send)
    else if (pathname === '/login/oauth/access_token') await this.#githubToken(request, send)
    else if (pathname === '/api/v3/user') this.#githubUser(request, send)
    else send(404, {})
  }

  #metadata(): object {
    return {
      issuer: this.wrong.issuer ?? this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      jwks_uri: `${this.issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      authorization_response_iss_parameter_supported: !(
        'answerIss' in this.wrong && this.wrong.answerIss === undefined
      ),
    }
  }

  async #token(request: IncomingMessage, send: (status: number, body: object) => void): Promise<void> {
    const given = await this.#exchanged(request)
    if (this.wrong.token) return send(this.wrong.token.status, this.wrong.token.body)
    // RFC 6749 §2.3.1: both are encoded as in a form.
    const shown = Buffer.from(request.headers.authorization?.slice('Basic '.length) ?? '', 'base64').toString()
    const [id = '', secret = ''] = shown.split(':').map(decodeURIComponent)
    if (id !== CLIENT_ID || secret !== CLIENT_SECRET) return send(401, { error: 'invalid_client' })
    if (given === null) return send(400, { error: 'invalid_grant' })
    const now = Math.floor(Date.now() / 1_000)
    const { max_age: maxAge, nonce } = Object.fromEntries(given.parameters)
    const claims = {
      ...{ iss: this.issuer, aud: CLIENT_ID, iat: now, exp: now + 300, nonce, ...given.account },
      ...(maxAge !== undefined && { auth_time: now }),
      ...this.wrong.claims,
    }
    send(200, { access_token: 'unused', token_type: 'Bearer', id_token: this.#signed(claims) })
  }

  async #githubToken(request: IncomingMessage, send: (status: number, body: object) => void): Promise<void> {
    const given = await this.#exchanged(request)
    if (this.wrong.token) return send(this.wrong.token.status, this.wrong.token.body)
    const { parameters } = this.exchanges.at(-1) as Exchange
    const isClient = parameters.get('client_id') === CLIENT_ID && parameters.get('client_secret') === CLIENT_SECRET
    // As GitHub does: an error, by 200.
    if (given === null || !isClient) return send(200, { error: 'bad_verification_code' })
    send(200, { access_token: `gho_${given.account.sub}`, token_type: 'bearer', scope: '' })
  }

  #githubUser({ headers }: IncomingMessage, send: (status: number, body: object) => void): void {
    const { email = null, name: login, sub } = this.account
    if (headers.authorization === `Bearer gho_${sub}`) send(200, { id: Number(sub), login, email })
    else send(401, { message: 'Bad credentials' })
  }

  /** What a code stands for, once; null when the verifier is not that of the challenge. */
  async #exchanged(request: IncomingMessage): Promise<Given | null> {
    const parameters = new URLSearchParams(await text(request))
    const code = parameters.get('code') ?? ''
    this.exchanges.push({ code, parameters, authorization: request.headers.authorization })
    const given = this.#codes.get(code)
    this.#codes.delete(code)
    const challenge = createHash('sha256')
      .update(parameters.get('code_verifier') ?? '')
      .digest('base64url')
    const isSame = given?.parameters.get('redirect_uri') === parameters.get('redirect_uri')
    return given?.parameters.get('code_challenge') === challenge && isSame ? given : null
  }

  #signed(claims: object): string {
    const { alg = 'RS256', foreignKey = false } = this.wrong
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const input = `${part({ alg, kid: 'one' })}.${part(claims)}`
    const key: KeyObject = (foreignKey ? this.#foreign : this.#key).privateKey
    const signature = alg === 'none' ? '' : sign('sha256', Buffer.from(input), key).toString('base64url')
    return `${input}.${signature}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
