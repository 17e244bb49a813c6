/**
 * Parsed JSON whose shape is what a test is about: reading what is not there gives undefined, and the assertion says so.
 * A type of its own would claim before what the assertion has yet to show.
 */
// biome-ignore lint/suspicious/noExplicitAny: `unknown` would need a cast for every property that is asserted
export type AnyJson = any

type HeaderValues = Readonly<Record<string, string>>

/** What came back. */
export interface TestAnswer<Body = unknown> {
  readonly status: number
  readonly headers: Headers
  /** Parsed when it is JSON, else the text; null when there is none. */
  readonly body: Body
}

/** What is sent besides method and path. */
export interface TestRequest {
  /** Sent as JSON; a string is sent as it is, with the content type that `headers` say. */
  readonly body?: unknown
  readonly headers?: HeaderValues
}

/**
 * A client of the public API, for making data and for looking at it the way the outside does. Redirects are not
 * followed.
 *
 * @example
 * const { body: link } = await client.created<Link>('/api/v1/links', { target: 'https://example.org/' })
 */
export class TestClient {
  readonly #origin: string
  readonly #headers: HeaderValues

  /** @param token sent as a bearer token; null for somebody unknown */
  constructor(origin: string, token: string | null) {
    this.#origin = origin
    this.#headers = token === null ? {} : { authorization: `Bearer ${token}` }
  }

  /** Sends a request, whatever comes back. */
  async send<Body = unknown>(
    method: string,
    path: string,
    { body, headers = {} }: TestRequest = {},
  ): Promise<TestAnswer<Body>> {
    const json = body !== undefined && typeof body !== 'string'
    const response = await fetch(new URL(path, this.#origin), {
      method,
      redirect: 'manual',
      headers: { ...this.#headers, ...(json && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: json ? JSON.stringify(body) : (body as string) }),
    })
    const text = await response.text()
    const isJson = /^application\/([a-z.+-]+\+)?json\b/.test(response.headers.get('content-type') ?? '')
    const parsed = text === '' ? null : isJson ? JSON.parse(text) : text
    return { status: response.status, headers: response.headers, body: parsed as Body }
  }

  /** GET, whatever comes back. */
  get(path: string, headers: HeaderValues = {}): Promise<TestAnswer<AnyJson>> {
    return this.send('GET', path, { headers })
  }

  /** POST, whatever comes back. */
  post(path: string, body?: unknown, headers: HeaderValues = {}): Promise<TestAnswer<AnyJson>> {
    return this.send('POST', path, { body, headers })
  }

  /** PATCH, whatever comes back. */
  patch(path: string, body?: unknown, headers: HeaderValues = {}): Promise<TestAnswer<AnyJson>> {
    return this.send('PATCH', path, { body, headers })
  }

  /** DELETE, whatever comes back. */
  delete(path: string, headers: HeaderValues = {}): Promise<TestAnswer<AnyJson>> {
    return this.send('DELETE', path, { headers })
  }

  /** GET. @throws Error with the whole answer unless the status is 200 */
  async got<Body = unknown>(path: string): Promise<TestAnswer<Body>> {
    return this.#expecting<Body>(200, 'GET', path)
  }

  /** POST. @throws Error with the whole answer unless the status is 201 */
  async created<Body = unknown>(path: string, body: unknown, headers?: HeaderValues): Promise<TestAnswer<Body>> {
    return this.#expecting<Body>(201, 'POST', path, { body, ...(headers && { headers }) })
  }

  async #expecting<Body>(
    status: number,
    method: string,
    path: string,
    request?: TestRequest,
  ): Promise<TestAnswer<Body>> {
    const answer = await this.send<Body>(method, path, request)
    if (answer.status === status) return answer
    throw new Error(`${method} ${path} answered ${answer.status} instead of ${status}: ${JSON.stringify(answer.body)}`)
  }
}
