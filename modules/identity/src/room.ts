/** Puts the room together: passwords, attempts, sessions, mail, pages, routes, roles, the OpenID provider. */
import { type BaseCtx, type Ctx, Resources, repeat, systemCtx } from '@stoa/kernel'
import { createLimiter, createMemoryStore } from '@stoa/limiter'
import { type Columns, PasswordHasher, type Room } from '@stoa/module'
import { openAccess } from './access/open-access.ts'
import { type IdentityConfig, identityConfig } from './config.ts'
import { FactorSeal } from './factors/factor-seal.ts'
import { Factors } from './factors/factors.ts'
import { PasskeyChallenges } from './factors/passkey-challenge.ts'
import { Passkeys } from './factors/passkeys.ts'
import { HandOver } from './hosts/hand-over.ts'
import type { IssuerPlaces } from './hosts/issuer-places.ts'
import { openIssuerHosts } from './hosts/open-issuer-hosts.ts'
import { Departures } from './members/departures.ts'
import { Joining } from './members/joining.ts'
import type { Issuers } from './openid/issuer.ts'
import { openOpenId } from './openid/openid.ts'
import { providerPages } from './openid/provider-pages.ts'
import { tenantMount } from './openid/tenant-mount.ts'
import { fetchAnywhere, visitorsOf } from './openid/visitors.ts'
import { FormTokens } from './pages/form-token.ts'
import { handOverPage } from './pages/hand-over-page.ts'
import { tenantPages } from './pages/index.ts'
import { interactionPage } from './pages/interaction-page.ts'
import { PageServer } from './pages/pages.ts'
import { AccountMail } from './people/account-mail.ts'
import { EmailChange } from './people/email-change.ts'
import { People } from './people/people.ts'
import { PersonalData } from './people/personal-data.ts'
import { Recovery } from './people/recovery.ts'
import { Registration } from './people/registration.ts'
import { identityRoutes } from './routes/index.ts'
import { issuerHostRoutes } from './routes/issuer-host-routes.ts'
import { Attempts } from './sign-in/attempts.ts'
import { Cookies } from './sign-in/session-cookie.ts'
import { removeEnded } from './sign-in/session-store.ts'
import { Sessions } from './sign-in/sessions.ts'
import { SignIn } from './sign-in/sign-in.ts'
import { SignInSettings } from './sign-in/sign-in-settings.ts'
import { tenantName } from './tenant-name.ts'
import { openUpstream } from './upstream/open-upstream.ts'

const HOUR_MS = 3_600_000
const DEVICE_MS = 400 * 24 * HOUR_MS

/** Opens the room on its columns. */
export function openRoom(columns: Columns): Room {
  const { clock, log, publicUrl } = columns
  const config = identityConfig(columns.config)
  const ctx = systemCtx({ log, clock }, 'identity')
  const resources = new Resources({ clock })
  const hosts = resources.use(openIssuerHosts(columns, config, ctx), 'hosts of issuers')
  const { attempts, hasher, limiter, mail, pages, sessions, settings } = parts(columns, config, hosts.places, resources)
  const { db, journal, queue } = columns
  const departures = new Departures({ db, queue, sessions, endUses: (...uses) => openId.membershipEnded(...uses) })
  const displayName = async (own: Ctx) => (await settings.of(own)).displayName
  const endUses: Departures['ask'] = (...ended) => departures.ask(...ended)
  const access = resources.use(openAccess(columns, { displayName, endUses }), 'roles and members')
  const joining = new Joining({ db, journal, hasher, signIn: pages.signIn, invitations: access.invitations })
  const { members } = access
  const personalData = new PersonalData({
    ...{ db, journal, members, sessions, mail },
    endUses: (...uses) => openId.membershipEnded(...uses),
  })
  const own = { db, members, personalData, publicUrl }
  const cookies = new Cookies(() => publicUrl().startsWith('https:'))
  const openId = resources.use(
    openOpenId({
      ...{ columns, config, ctx, places: hosts.places },
      rightsOf: ({ id: tenantId }, id) => access.permissionsOf.accessOf(tenantId, { type: 'person', id }),
      visitors: visitorsOf(sessions, cookies, ctx),
      pages: providerPages(settings, (own) => tenantName(columns.db, settings, own)),
      fetch: config.allowPrivateApplications ? fetchAnywhere : globalThis.fetch,
      ...{ attempts, limiter },
    }),
    'OpenID provider',
  )
  const server = new PageServer({
    ...{
      pages: [
        ...tenantPages({
          ...{ ...pages, joining, members, personalData },
          ...{ applications: openId.applications, permissions: columns.permissions },
        }),
        handOverPage({
          people: pages.people,
          places: hosts.places,
          handOver: new HandOver({ db, signIn: pages.signIn }),
        }),
        interactionPage({
          ...{ issuers: openId.issuers, provider: openId.deps, permissions: columns.permissions },
          ...{ factors: pages.factors, passkeys: pages.passkeys },
        }),
      ],
      sessions,
      settings,
      clock,
      places: hosts.places,
    },
    cookies,
    formTokens: new FormTokens(columns.secret('identity.forms')),
  })
  sessions.onEnded((own, tx, ids) => openId.sessionsEnded(own, tx, ids))
  sessions.onLeft((own, tx, personId) => openId.leftEverywhere(own, tx, personId))
  resources.use(forgetEnded(columns, ctx, sessions), 'ended sessions')
  const tenantOf: Issuers['tenant'] = (slug) => openId.issuers.tenant(slug)
  const programLimit = { capacity: config.addressBurst, refillPerSecond: config.addressRequestsPerSecond }
  return {
    routes: [
      ...identityRoutes({ ...pages, ...own }),
      ...access.routes,
      ...openId.routes,
      ...issuerHostRoutes(hosts.verbs),
    ],
    keyOwners: access.permissionsOf,
    mounts: [
      tenantMount({ tenantOf, places: hosts.places, programLimit, answerers: [server, openId], lost: server }),
      ...openId.mounts,
    ],
    schemes: openId.schemes,
    jobs: [mail.job, departures.job, hosts.job, ...openId.jobs],
    ready: async () => void (await Promise.all([access.permissionsOf.ready, openId.ready(), hosts.ready()])),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

/** The verbs, each on those that it needs. */
function parts(columns: Columns, config: IdentityConfig, places: IssuerPlaces, resources: Resources) {
  const { clock, db, journal, limitStore, log, publicUrl, queue, secret } = columns
  const store = limitStore ?? createMemoryStore({ clock: () => clock.now() })
  const onStoreFailure = (err: unknown) =>
    log.warn({ err }, 'the store of the limits failed: attempts are counted in each process by itself')
  const limiter = resources.use(createLimiter({ store, onStoreFailure }), 'limiter')
  const attempts = new Attempts(limiter)
  const hasher = new PasswordHasher({ pepper: secret('identity.passwords'), atOnce: config.passwordHashes })
  const sessions = new Sessions({ db, journal, idleMinutes: config.sessionIdleMinutes, days: config.sessionDays })
  const settings = new SignInSettings({ db, journal })
  const mail = new AccountMail({ db, queue, publicUrl, tenantName: (own) => tenantName(db, settings, own) })
  const people = new People({ db, journal, mail })
  const seal = new FactorSeal(secret('identity.factors'), secret('identity.codes'))
  const factors = new Factors({ db, journal, log, attempts, mail, seal })
  const secondStep: Factors['begin'] = (...asked) => factors.begin(...asked)
  const signIn = new SignIn({ db, journal, log, attempts, hasher, sessions, mail, secondStep })
  const shared = { db, journal, log, attempts, hasher, sessions, signIn, mail, settings }
  const registration = new Registration(shared)
  const recovery = new Recovery(shared)
  const emailChange = new EmailChange(shared)
  const challenges = new PasskeyChallenges(secret('identity.challenges'))
  const passkeys = new Passkeys({ ...shared, challenges, publicUrl })
  const others = openUpstream(columns, config, { attempts, mail, signIn, places })
  const pages = {
    ...others,
    db,
    people,
    signIn,
    registration,
    recovery,
    emailChange,
    factors,
    passkeys,
    sessions,
    settings,
  }
  return { attempts, hasher, limiter, mail, pages, sessions, settings }
}

/** Ends and deletes what is over, now and then. A failure is logged, and the next time tries again. */
function forgetEnded({ clock, db, log }: Columns, ctx: BaseCtx, sessions: Sessions): AsyncDisposable {
  const work = async () => {
    const now = clock.now()
    await sessions.endOverdue(ctx)
    await db.system(ctx, (tx) => removeEnded(tx, new Date(now), new Date(now - DEVICE_MS)))
  }
  const onError = (err: unknown) => log.error({ err }, 'ended sessions could not be deleted; it is tried again')
  return repeat(work, { clock, everyMs: HOUR_MS / 6, onError })
}
