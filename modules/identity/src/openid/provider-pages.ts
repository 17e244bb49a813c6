/*
 * What people see of the provider itself: the code of a device, signing out, and what went wrong. In the look and the
 * languages of the tenant's pages.
 */
import type { Ctx, Place } from '@stoa/kernel'
import { type Html, html, trustedHtml } from '@stoa/mail'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { acceptedLocale, localeOf, type Say, sayIn, type Text } from '../languages/index.ts'
import { newNonce, pagePolicy, providerPolicy } from '../pages/content-policy.ts'
import { documentOf } from '../pages/document.ts'
import { lookOf } from '../pages/look.ts'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'
import type { ProviderPages } from './provider-deps.ts'

interface Shown {
  readonly title: Text
  body(say: Say): Html
  readonly isError?: boolean
  /** Where its form may lead to, beside here. */
  readonly leadsTo?: string | null
}

const DEVICE_ERRORS: Readonly<Record<string, Text>> = {
  NoCodeError: 'deviceText',
  NotFoundError: 'deviceWrong',
  ExpiredError: 'deviceUsed',
  AlreadyUsedError: 'deviceUsed',
  AbortedError: 'deviceAborted',
}

/** The pages of tenants. @param nameOf what a tenant is called */
export function providerPages(
  settings: SignInSettings,
  nameOf: (ctx: Ctx) => Promise<string>,
): (ctx: Ctx, base: string) => ProviderPages {
  return (ctx, base) => {
    const show = (koa: KoaContextWithOIDC, shown: Shown) => render(koa, { ctx, base }, settings, nameOf, shown)
    return {
      failure: (koa, out) => show(koa, failurePage(out)),
      deviceCode: (koa, form, _out, error) => show(koa, codePage(form, error)),
      deviceConfirmation: (koa, form, client, place, code) => show(koa, confirmationPage(form, client, place, code)),
      deviceDone: (koa) => show(koa, { title: 'deviceDone', body: (say) => html`<p>${say('deviceDoneText')}</p>` }),
      signOut: (koa, form) => show(koa, signOutPage(koa, form)),
      signedOut: (koa) => show(koa, { title: 'signedOutTitle', body: (say) => html`<p>${say('signedOut')}</p>` }),
    }
  }
}

async function render(
  koa: KoaContextWithOIDC,
  { base, ctx }: { readonly ctx: Ctx; readonly base: string },
  settings: SignInSettings,
  nameOf: (ctx: Ctx) => Promise<string>,
  { body, isError, leadsTo, title }: Shown,
): Promise<void> {
  const asked = koa.oidc?.params?.ui_locales
  const wanted = localeOf(typeof asked === 'string' ? asked.split(' ')[0] : null)
  const locale = wanted ?? acceptedLocale(koa.get('accept-language'))
  const say = sayIn(locale)
  const { color, logoUrl } = await settings.of(ctx)
  const look = lookOf(await nameOf(ctx), color, logoUrl)
  const nonce = newNonce()
  const frame = { base, locale, say, look, nonce, query: new URLSearchParams(), path: null }
  koa.type = 'html'
  koa.body = documentOf(frame, { title: say(title), body: body(say), ...(isError && { isError }) })
  koa.set('content-security-policy', pagePolicy(look, nonce, { leadsTo }))
  koa.set('x-frame-options', 'DENY')
  koa.set('referrer-policy', 'same-origin')
  koa.set('content-language', locale)
}

/**
 * The library has one page of its own that runs something: the form that sends itself to an application
 * (`response_mode=form_post`). What it runs names a nonce as on any other page.
 */
export async function nonceScript(koa: KoaContextWithOIDC, next: () => Promise<unknown>): Promise<void> {
  await next()
  if (typeof koa.body !== 'string' || !koa.response.is('html') || !koa.body.includes('<script>')) return
  const nonce = newNonce()
  // The first one is the library's: what others say comes behind it, and escaped.
  koa.body = koa.body.replace('<script>', `<script nonce="${nonce}">`)
  koa.set('content-security-policy', providerPolicy(nonce))
}

function failurePage(out: object): Shown {
  const { error, error_description: description } = out as Record<string, unknown>
  const words = [error, description].filter((word) => word !== undefined).map(String)
  return { title: 'providerFailed', isError: true, body: () => html`<p><code>${words.join(': ')}</code></p>` }
}

function codePage(form: string, error: Error | undefined): Shown {
  const text = error === undefined ? 'deviceText' : (DEVICE_ERRORS[error.name] ?? 'deviceWrong')
  return {
    title: 'deviceTitle',
    isError: error !== undefined,
    body: (say) => html`<p><label for="user_code">${say(text)}</label></p>
${trustedHtml(form.replace('name="user_code"', 'id="user_code" name="user_code"'))}
<button class="main" type="submit" form="op.deviceInputForm">${say('continue')}</button>`,
  }
}

function confirmationPage(form: string, client: object | undefined, place: object, code: string): Shown {
  const { clientId, clientName } = (client ?? {}) as { readonly clientId?: string; readonly clientName?: string }
  const { addressPrefix, device } = place as Place
  const application = clientName ?? clientId ?? ''
  return {
    title: 'deviceTitle',
    body: (say) => html`<p>${say('deviceCheck')}</p><p><code>${code}</code></p>
<p class="hint">${say('deviceFrom', { application, device, network: addressPrefix })}</p>
${trustedHtml(form)}
<button class="main" type="submit" form="op.deviceConfirmForm">${say('deviceSubmit')}</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">${say('cancel')}</button>`,
  }
}

function signOutPage(koa: KoaContextWithOIDC, form: string): Shown {
  const to = koa.oidc.params?.post_logout_redirect_uri
  const target = typeof to === 'string' ? URL.parse(to) : null
  return {
    title: 'signOut',
    leadsTo: target === null ? null : target.origin === 'null' ? target.protocol : target.origin,
    body: (say) => html`<p>${say('signOutEverywhere')}</p>${trustedHtml(form)}
<button class="main" type="submit" form="op.logoutForm" name="logout" value="yes">${say('signOut')}</button>`,
  }
}
