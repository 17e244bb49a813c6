/* A browser as far as pages without scripts need one: cookies, links, forms with what is hidden in them, redirects. */
import assert from 'node:assert/strict'

/** A page as it arrived. */
export interface SeenPage {
  readonly status: number
  /** Where it was found at last, with the query. */
  readonly path: string
  readonly headers: Headers
  readonly html: string
  /** Without markup. */
  readonly text: string
  readonly title: string
}

/** A form of a page. */
export interface SeenForm {
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
}

const PLAIN: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`' }

/** What stands for markup, as text. */
function unescaped(text: string): string {
  return text.replace(/&(#?\w+);/g, (whole, name: string) => PLAIN[name] ?? whole)
}

/** A browser. */
export class Browser {
  readonly origin: string
  /** Name → value. */
  readonly cookies = new Map<string, string>()
  /** As they were set, in order. */
  readonly setCookies: string[] = []
  readonly #headers: Record<string, string>
  #page: SeenPage | null = null

  constructor(origin: string, options: { readonly ip: string; readonly agent?: string; readonly language?: string }) {
    this.origin = origin
    this.#headers = {
      accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
      'x-forwarded-for': options.ip,
      'user-agent': options.agent ?? 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
      'accept-language': options.language ?? 'en',
    }
  }

  /** The page that is shown now. */
  get page(): SeenPage {
    return this.#page ?? assert.fail('no page is open')
  }

  /** Opens a page, following redirects. */
  open(path: string): Promise<SeenPage> {
    return this.#go('GET', path, null, {})
  }

  /** The forms of the page that is shown now. */
  get forms(): SeenForm[] {
    return [...this.page.html.matchAll(/<form method="post" action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)].map(
      ([, action = '', inner = '']) => ({
        action: unescaped(action),
        fields: Object.fromEntries([...fieldsOf(inner)]),
      }),
    )
  }

  /** Fills a form in and sends it: the first that has all of these fields, or the one whose `what` is named. */
  submit(fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}): Promise<SeenPage> {
    const wanted = Object.keys(fields)
    const form = this.forms.find((one) =>
      fields.what === undefined
        ? wanted.every((name) => name in one.fields)
        : one.fields.what === fields.what && (fields.id === undefined || one.fields.id === fields.id),
    )
    assert.ok(form, `no form has ${wanted.join(', ')}: ${this.page.text}`)
    return this.post(form.action, { ...form.fields, ...fields }, headers)
  }

  /** Sends a form as it is said here. */
  post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<SeenPage> {
    return this.#go('POST', path, new URLSearchParams(fields), {
      origin: this.origin,
      'sec-fetch-site': 'same-origin',
      ...headers,
    })
  }

  async #go(
    method: string,
    path: string,
    body: URLSearchParams | null,
    headers: Readonly<Record<string, string>>,
  ): Promise<SeenPage> {
    let at = path
    for (let hops = 0; hops < 10; hops++) {
      const first = hops === 0
      const response = await fetch(new URL(at, this.origin), {
        method: first ? method : 'GET',
        redirect: 'manual',
        headers: {
          ...this.#headers,
          ...(first && headers),
          ...(this.cookies.size > 0 && { cookie: this.#cookieHeader() }),
        },
        ...(first && body && { body }),
      })
      for (const cookie of response.headers.getSetCookie()) this.#keep(cookie)
      const location = response.headers.get('location')
      const html = await response.text()
      if (location === null) {
        this.#page = seen(response, at, html)
        return this.#page
      }
      assert.equal(response.status, 303)
      at = location
    }
    return assert.fail(`redirected for ever: ${at}`)
  }

  #cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  #keep(cookie: string): void {
    this.setCookies.push(cookie)
    const [pair = ''] = cookie.split(';')
    const equals = pair.indexOf('=')
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
    if (/Max-Age=0\b/.test(cookie)) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}

function seen(response: Response, path: string, html: string): SeenPage {
  const [, main = html] = /<main[^>]*>([\s\S]*)<\/main>/.exec(html) ?? []
  const [, title = ''] = /<title>([\s\S]*?)<\/title>/.exec(html) ?? []
  const text = unescaped(main.replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim()
  return { status: response.status, path, headers: response.headers, html, text, title: unescaped(title) }
}

function* fieldsOf(html: string): Generator<[string, string]> {
  for (const [tag] of html.matchAll(/<(?:input|select)\b[^>]*>/g)) {
    const of = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]
    const name = of('name')
    if (name === undefined) continue
    if (of('type') === 'checkbox' && !/ checked/.test(tag)) continue
    yield [name, unescaped(of('value') ?? '')]
  }
}
