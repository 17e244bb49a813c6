/* Somebody with a browser: cookies by path, redirects until they lead out, forms. */
import assert from 'node:assert/strict'
import { newId, type Tenant } from '@stoa/kernel'
import { addMembership, addPerson } from '../src/people/person-store.ts'
import { hashOf, mintToken } from '../src/people/secret-token.ts'
import { addSession } from '../src/sign-in/session-store.ts'
import type { Suite } from './setup.ts'

/** A page, or where it led out of the installation. */
export interface Arrival {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly html: string
}

interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
  readonly host: string
}

const PLAIN: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`' }

function unescaped(text: string): string {
  return text.replace(/&(#?\w+);/g, (whole, name: string) => PLAIN[name] ?? whole)
}

let people = 0

/** Somebody who belongs to tenants. */
export class Person {
  readonly id: string
  readonly email: string
  readonly #suite: Suite
  #cookies: Cookie[] = []

  constructor(suite: Suite, id: string, email: string) {
    this.#suite = suite
    this.id = id
    this.email = email
  }

  /** Begins a session with a browser, as the sign-in page does. Gives its id. */
  async signIn(authTime = new Date(this.#suite.clock.now()), acr: '1' | '2' = '1'): Promise<string> {
    const { clock, db, tenants } = this.#suite
    const token = mintToken()
    const at = new Date(clock.now())
    const id = newId()
    await db.system(this.#suite.ctx(tenants.pooled), async (tx) => {
      addSession(tx, hashOf(token), {
        ...{
          id,
          personId: this.id,
          name: null,
          device: 'Test',
          addressPrefix: '',
          amr: acr === '2' ? ['pwd', 'otp', 'mfa'] : ['pwd'],
          acr,
          boundTenantId: null,
        },
        ...{ authTime, idleSeconds: 3_600, endsAt: new Date(at.getTime() + 86_400_000), seenAt: at, createdAt: at },
      })
    })
    this.plant('stoa-session', token)
    return id
  }

  /** Puts a cookie into the browser. */
  plant(name: string, value: string, path = '/', host = new URL(this.#suite.url).host): void {
    this.#cookies = this.#cookies.filter((one) => one.name !== name || one.path !== path || one.host !== host)
    this.#cookies.push({ name, value, path, host })
  }

  /** @param host default: any */
  cookie(name: string, host?: string): string | undefined {
    return this.#cookies.find((cookie) => cookie.name === name && (host ?? cookie.host) === cookie.host)?.value
  }

  open(url: URL | string): Promise<Arrival> {
    return this.#go(new URL(url, this.#suite.url), null)
  }

  /** Sends the form of a page, with the button that is named. @param to what its address has in it; default: the first */
  submit(page: Arrival, fields: Readonly<Record<string, string>> = {}, to = ''): Promise<Arrival> {
    const forms = [...page.html.matchAll(/<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)]
    const [, action = '', inner = ''] = forms.find((one) => one[1]?.includes(to)) ?? assert.fail(page.html)
    const inputs = [...inner.matchAll(/<input\b[^>]*>/g)].flatMap(([tag]) => {
      const of = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]
      const name = of('name')
      return name === undefined ? [] : [[name, unescaped(of('value') ?? '')] as const]
    })
    const body = new URLSearchParams({ ...Object.fromEntries(inputs), ...fields })
    return this.#go(new URL(unescaped(action), page.url), body)
  }

  async #go(first: URL, form: URLSearchParams | null): Promise<Arrival> {
    let url = first
    for (let hops = 0; hops < 12; hops++) {
      const reached = this.#suite.reach(url)
      if (reached === null) {
        return { url, status: 0, headers: new Headers(), html: '' }
      }
      const { host } = url
      const body = hops === 0 ? form : null
      const cookie = this.#cookies
        .filter((one) => one.host === host)
        .filter(({ path }) => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
        .map(({ name, value }) => `${name}=${value}`)
        .join('; ')
      const response = await fetch(reached.url, {
        ...{ method: body ? 'POST' : 'GET', redirect: 'manual' },
        headers: {
          ...{ ...reached.headers, accept: 'text/html' },
          ...(cookie && { cookie }),
          ...(body && { origin: url.origin }),
        },
        ...(body && { body }),
      })
      for (const text of response.headers.getSetCookie()) this.#keep(text, host)
      const html = await response.text()
      const refresh = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(html)?.[1]
      const location = response.headers.get('location') ?? (refresh && unescaped(refresh))
      if (!location) return { url, status: response.status, headers: response.headers, html }
      url = new URL(location, url)
    }
    return assert.fail(`redirected for ever: ${url}`)
  }

  #keep(text: string, host: string): void {
    const [pair = '', ...attributes] = text.split(';').map((part) => part.trim())
    const [name = '', value = ''] = pair.split('=')
    const of = (key: string) => attributes.find((one) => one.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1)
    const path = of('path') ?? '/'
    this.#cookies = this.#cookies.filter((one) => one.name !== name || one.path !== path || one.host !== host)
    const gone = of('max-age') === '0' || new Date(of('expires') ?? '9999-01-01').getTime() < Date.now()
    if (!gone) this.#cookies.push({ name, value, path, host })
  }
}

/** Somebody new, who belongs to this tenant. */
export async function newPerson(suite: Suite, tenant: Tenant, roleNames: readonly string[] = ['member']) {
  people += 1
  const id = newId()
  const email = `bea${people}-${id.slice(-6)}@example.org`
  const at = new Date(suite.clock.now())
  await suite.db.system(suite.ctx(tenant), async (tx) => {
    const row = { id, email, emailVerifiedAt: at, name: 'Bea', locale: 'en', suspendedAt: null, version: 1 }
    await addPerson(tx, { ...row, createdAt: at, updatedAt: at })
    await addMembership(tx, { tenantId: tenant.id, personId: id, roleNames, status: 'active' }, 'test', at)
  })
  return new Person(suite, id, email)
}
