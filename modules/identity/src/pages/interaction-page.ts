/*
 * Where the provider sends people when it needs something of them: to sign in (it is our sign-in page that does), or to
 * say whether an application is let in.
 *
 * It belongs to one browser: the cookie that the provider set has to name it, or somebody could have another one let
 * them in. What is let in is what was asked for, as it is kept here.
 */
import { type Html, html } from '@stoa/mail'
import type { Client, Interaction, Provider } from 'oidc-provider'
import type { Factors } from '../factors/factors.ts'
import type { Passkeys } from '../factors/passkeys.ts'
import { accountOf } from '../openid/account.ts'
import { isProofEnough } from '../openid/asked-proof.ts'
import { noteConsent } from '../openid/granting.ts'
import type { Issuer, Issuers } from '../openid/issuer.ts'
import type { ProviderDeps } from '../openid/provider-deps.ts'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import { expiredOr, form, summary } from './form.ts'
import { type Page, type PageAnswer, type PageVisit, pathTo } from './page.ts'
import { scopeWords } from './scope-words.ts'
import { websiteLink } from './website-link.ts'

/** What the page stands on. */
export interface InteractionPageDeps {
  readonly issuers: Issuers
  readonly provider: ProviderDeps
  /** Permission → what it allows. */
  readonly permissions: Readonly<Record<string, string>>
  readonly factors: Pick<Factors, 'of'>
  readonly passkeys: Pick<Passkeys, 'isPossible'>
}

interface Asked {
  readonly issuer: Issuer
  readonly interaction: Interaction
  readonly client: Client
}

type Result = NonNullable<Interaction['result']>

/** Of the sign-in page: whoever is signed in proves it again. */
const AGAIN = { again: 'yes' }
const UNMET: Result = {
  error: 'unmet_authentication_requirements',
  error_description: 'this person has set up no second step',
}

/** `interaction/<id>` */
export function interactionPage(deps: InteractionPageDeps): Page {
  const visit = async (at: PageVisit, posted: boolean): Promise<PageAnswer> => {
    const asked = await askedOf(at, deps.issuers)
    if (asked === null) return gone(at)
    if (at.session === null) return signIn(at, asked, at.isOwnHost && isForProof(asked.interaction) ? AGAIN : {})
    const account = await accountOf(asked.issuer.ctx, deps.provider, at.session.personId)
    if (account === undefined) return stranger(at)
    const { prompt } = asked.interaction
    if (prompt.name === 'login') {
      if (!isProofEnough(asked.interaction.params, at.session)) return askForMore(at, asked, posted)
      if (!isRecent(at, asked.interaction)) return signIn(at, asked, AGAIN)
      return finish(at, asked, { login: { accountId: account.accountId, ...proofOf(at.session) } }, posted)
    }
    if (prompt.name !== 'consent') return gone(at)
    return posted ? decide(at, asked, account.email, deps) : consent(at, asked, account.email, deps)
  }
  /** Who has nothing more to show than a password is not asked for it in vain: the application is told. */
  const askForMore = async (at: PageVisit, asked: Asked, posted: boolean): Promise<PageAnswer> => {
    const { passkeys, totp } = await deps.factors.of(at.ctx, at.session?.personId as string)
    if (totp || (passkeys > 0 && deps.passkeys.isPossible)) return signIn(at, asked, { ...AGAIN, factors: '2' })
    return finish(at, asked, UNMET, posted)
  }
  return { path: 'interaction/*', get: (at) => visit(at, false), post: (at) => visit(at, true) }
}

/** How they have proven who they are, and when: the provider forgets what it is not told. */
function proofOf({ acr, amr, authTime }: LiveSessionRow) {
  return { acr, amr: [...amr], ts: seconds(authTime) }
}

const seconds = (date: Date) => Math.floor(date.getTime() / 1_000)

async function askedOf(at: PageVisit, issuers: Issuers): Promise<Asked | null> {
  const cookie = /(?:^|;\s*)stoa-interaction=([A-Za-z0-9_-]+)/.exec(at.cookieHeader ?? '')?.[1]
  if (cookie === undefined || cookie !== at.rest) return null
  const issuer = await issuers.ofTenant(at.tenant)
  if (issuer.url !== at.visitor.address) return null
  const interaction = await issuer.provider.Interaction.find(at.rest)
  const client = interaction && (await issuer.provider.Client.find(String(interaction.params.client_id)))
  return interaction && client ? { issuer, interaction, client } : null
}

/** Whether it is asked for a new proof: a session that is handed over is no older than that then. */
function isForProof({ prompt: { reasons } }: Interaction): boolean {
  return reasons.includes('login_prompt') || reasons.includes('max_age')
}

/** Whether they have proven who they are since it was asked for, where that matters. */
function isRecent({ ctx, session }: PageVisit, { iat, params, prompt }: Interaction): boolean {
  const at = seconds(session?.authTime ?? new Date(0))
  if (prompt.reasons.includes('login_prompt')) return at >= iat
  const age = Math.floor(ctx.clock.now() / 1_000) - at
  return !prompt.reasons.includes('max_age') || age <= Number(params.max_age) || at >= iat
}

function signIn({ base, rest }: PageVisit, { interaction }: Asked, more: Readonly<Record<string, string>>): PageAnswer {
  const query = new URLSearchParams({ continue: `${base}/interaction/${rest}`, ...more })
  const [locale] = String(interaction.params.ui_locales ?? '').split(' ')
  if (locale) query.set('lang', locale)
  return { kind: 'redirect', to: `${base}/sign-in?${query}` }
}

async function finish(at: PageVisit, asked: Asked, result: Result, posted: boolean): Promise<PageAnswer> {
  const { interaction } = asked
  interaction.result = 'error' in result ? result : { ...interaction.lastSubmission, ...result }
  // Who has signed in meanwhile has another session than the one that it began with.
  if (interaction.session && interaction.session.uid !== at.session?.id) {
    ;(interaction as { session?: unknown }).session = undefined
  }
  await interaction.save(Math.max(1, interaction.exp - Math.floor(at.ctx.clock.now() / 1_000)))
  const { pathname, search } = new URL(interaction.returnTo)
  return { kind: posted ? 'leave' : 'redirect', to: pathname + search }
}

function consent(at: PageVisit, { client, interaction }: Asked, email: string, deps: InteractionPageDeps): PageAnswer {
  const { base, form: sent, rest, say } = at
  const application = client.clientName ?? client.clientId
  const items = [...new Set(String(interaction.params.scope ?? 'openid').split(' '))].map(
    (scope): Html => html`<li>${scopeWords(say, deps.permissions, scope)}</li>`,
  )
  const expired = expiredOr(at)
  const body = html`${sent.size > 0 ? summary(say, expired) : ''}${websiteLink(say, client.clientUri)}<p>${say('allowText', { application })}</p><ul>${items}</ul>
<p class="hint">${say('allowSignedInAs', { email })}</p>
${form(at, `${base}/interaction/${rest}`, [
  html`<button class="main" name="answer" value="allow">${say('allowSubmit')}</button> `,
  html`<button name="answer" value="deny">${say('denySubmit')}</button>`,
])}`
  return { kind: 'page', title: say('allowTitle', { application }), body, status: expired.status }
}

async function decide(at: PageVisit, asked: Asked, email: string, deps: InteractionPageDeps): Promise<PageAnswer> {
  const { client, interaction, issuer } = asked
  const answer = at.form.get('answer')
  if (at.expired || answer === null) return consent(at, asked, email, deps)
  if (answer !== 'allow') return finish(at, asked, { error: 'access_denied' }, true)
  const personId = at.session?.personId as string
  const grant = await allow(issuer.provider, client, interaction, personId)
  const grantId = await grant.save()
  const facts = { personId, clientId: client.clientId, grant, ...at.visitor.place }
  await noteConsent(issuer.ctx, deps.provider, facts)
  return finish(at, asked, { consent: { grantId } }, true)
}

/** Grants what the provider said is missing, and nothing else. */
async function allow(provider: Provider, { clientId }: Client, interaction: Interaction, accountId: string) {
  const known = interaction.grantId ? await provider.Grant.find(interaction.grantId) : undefined
  const grant = known?.accountId === accountId ? known : new provider.Grant({ accountId, clientId })
  const { missingOIDCScope, missingResourceScopes } = interaction.prompt.details as {
    missingOIDCScope?: string[]
    missingResourceScopes?: Record<string, string[]>
  }
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '))
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '))
  }
  return grant
}

function gone({ say }: PageVisit): PageAnswer {
  const body = html`<p>${say('interactionGone')}</p>`
  return { kind: 'page', status: 400, title: say('linkSpent'), body, isError: true }
}

function stranger(at: PageVisit): PageAnswer {
  const { look, say, session } = at
  const tenant = look.name
  const body = html`<p>${say('notMemberText', { tenant, email: session?.person.email ?? '' })}</p>
<p><a href="/${pathTo(at, 'sign-out').slice(1)}">${say('signOut')}</a></p>`
  return { kind: 'page', status: 403, title: say('notMember', { tenant }), body, isError: true }
}
