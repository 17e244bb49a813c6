/*
 * Issuers: one for each tenant, at `<public address>/t/<slug>` or at a host of its own. A provider is made when it is first
 * asked for, and a number of them is kept; it is made anew when the keys of its tenant change, when the next of them begins
 * to sign, or when the issuer is elsewhere.
 *
 * What the library knows of addresses comes from the headers of a request. They are written anew before it sees them, from
 * what is configured, so no caller can have links made that lead elsewhere.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Database, type TenantRecord, tenantBySlug } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type BaseCtx, type Ctx, type Tenant, tenantCtx } from '@stoa/kernel'
import { LRUCache } from 'lru-cache'
import type { Provider } from 'oidc-provider'
import { type IssuerPlaces, pagesPath } from '../hosts/issuer-places.ts'
import { providerPolicy } from '../pages/content-policy.ts'
import { openLibrary } from './oidc-library.ts'
import type { ProviderDeps } from './provider-deps.ts'
import type { SigningKeys } from './signing-keys.ts'

/** What issuers stand on. */
export interface IssuersDeps {
  readonly db: Database
  /** Of the system. */
  readonly ctx: BaseCtx
  readonly journal: Pick<Journal, 'watch'>
  readonly keys: SigningKeys
  readonly provider: ProviderDeps
  /** How many providers are kept. */
  readonly maxProviders: number
  readonly places: IssuerPlaces
}

/** The issuer of a tenant. */
export interface Issuer {
  readonly tenant: Tenant
  /** `https://stoa.example.org/t/acme`, or `https://id.acme.example` */
  readonly url: string
  /** Its context: of the system, in the tenant. */
  readonly ctx: Ctx
  readonly provider: Provider
  /** Answers a request below the issuer. False: there is nothing there, and nothing was answered. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<boolean>
}

interface Kept extends Issuer {
  readonly untilMs: number
}

const TENANT_TTL_MS = 30_000
const NO_TENANT_TTL_MS = 2_000
const PROVIDER_TTL_MS = 300_000
const SLUG = /^[a-z0-9-]{1,63}$/
/** Nothing of the provider's runs, is framed, or is read as something else, but for pages that say otherwise. */
const POLICY = providerPolicy(null)

/** The issuers of an installation. */
export class Issuers implements AsyncDisposable {
  readonly #deps: IssuersDeps
  readonly #tenants = new LRUCache<string, { readonly tenant: TenantRecord | null; readonly untilMs: number }>({
    max: 5_000,
  })
  readonly #kept: LRUCache<string, Kept>
  readonly #making = new Map<string, Promise<Kept>>()
  readonly #watch: ReturnType<Journal['watch']>

  constructor(deps: IssuersDeps) {
    this.#deps = deps
    this.#kept = new LRUCache({ max: deps.maxProviders })
    this.#watch = deps.journal.watch({ name: 'identity-issuers' }, (events) => {
      for (const { tenantId, type } of events) if (type === 'identity.signing_key_rotated') this.#forget(tenantId)
    })
  }

  /** The issuer of a tenant, by its slug; null when there is no such tenant. */
  async of(slug: string): Promise<Issuer | null> {
    const tenant = await this.tenant(slug)
    return tenant === null ? null : this.ofTenant(tenant)
  }

  /** The issuer of a tenant. */
  async ofTenant(tenant: Tenant): Promise<Issuer> {
    const kept = this.#kept.get(tenant.id)
    const isThere = kept?.url === this.#deps.places.issuerOf(tenant)
    if (kept !== undefined && isThere && kept.untilMs > this.#deps.ctx.clock.now()) return kept
    return this.#making.get(tenant.id) ?? this.#makeForAll(tenant)
  }

  /** One for all that ask meanwhile. When keys of the tenant change while it is made, nobody else is given it. */
  #makeForAll(tenant: Tenant): Promise<Issuer> {
    const isLast = () => this.#making.get(tenant.id) === making && this.#making.delete(tenant.id)
    const making = this.#make(tenant).then(
      (made) => {
        if (isLast()) this.#kept.set(tenant.id, made)
        return made
      },
      (error) => {
        isLast()
        throw error
      },
    )
    this.#making.set(tenant.id, making)
    return making
  }

  /** The tenant of a slug; null when there is none. Known for a while. */
  async tenant(slug: string): Promise<TenantRecord | null> {
    if (!SLUG.test(slug)) return null
    const { ctx, db } = this.#deps
    const now = ctx.clock.now()
    const known = this.#tenants.get(slug)
    if (known !== undefined && known.untilMs > now) return known.tenant
    const tenant = (await tenantBySlug(db, ctx, slug)) ?? null
    this.#tenants.set(slug, { tenant, untilMs: now + (tenant === null ? NO_TENANT_TTL_MS : TENANT_TTL_MS) })
    return tenant
  }

  async #make(tenant: Tenant): Promise<Kept> {
    const { ctx: base, keys, places, provider: deps } = this.#deps
    const ctx = tenantCtx(base, tenant)
    await openLibrary()
    const [{ createProvider }, set] = await Promise.all([import('./provider.ts'), keys.of(ctx)])
    const url = places.issuerOf(tenant)
    const provider = createProvider(url, ctx, set, deps)
    const lost = new WeakSet<IncomingMessage>()
    provider.use(async (koa, next) => {
      await next()
      if (koa.status !== 404 || (koa.body ?? null) !== null) return
      lost.add(koa.req)
      koa.respond = false
    })
    const answer = provider.callback()
    const { host, origin, protocol } = new URL(url)
    const prefix = pagesPath(tenant.slug)
    return {
      ...{ tenant, url, ctx, provider },
      untilMs: Math.min(base.clock.now() + PROVIDER_TTL_MS, set.changesAtMs),
      handle: async (request, response) => {
        const { headers } = request
        headers.host = host
        headers['x-forwarded-host'] = host
        headers['x-forwarded-proto'] = protocol.slice(0, -1)
        headers['x-forwarded-for'] = undefined
        response.setHeader('content-security-policy', POLICY)
        const full = request as IncomingMessage & { originalUrl?: string }
        const path = (request.url as string).slice(prefix.length) || '/'
        request.url = path.startsWith('/') ? path : `/${path}`
        // What stands before it is where the library takes itself to be mounted.
        full.originalUrl = url.slice(origin.length) + request.url
        await answer(request, response)
        return !lost.has(request)
      },
    }
  }

  #forget(tenantId: string): void {
    this.#making.delete(tenantId)
    this.#kept.delete(tenantId)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]()
  }
}
