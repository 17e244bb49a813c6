/**
 * How a visit of a short link is answered: a redirect, a page for browsers, a problem for programs. What follows a link
 * and what says its password have that in common.
 */
import { isError, StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { type Place, ROOT } from '../domains/short-hosts.ts'
import { linkErrors } from '../errors.ts'
import type { VisitQuery } from './forwarded-query.ts'
import { cardPage } from './preview-card.ts'
import { type Followed, REDIRECT_HEADERS, type Redirects } from './redirect.ts'
import { heldPage, pagePolicy, passwordPage, refusalPage, waitPage, wantsPage } from './redirect-page.ts'

/** The path of a visit. */
export const VisitParams = Type.Object({ code: Type.String({ minLength: 1, maxLength: 256 }) })

/** What a visit may bring. */
export const VisitQuerystring = Type.Object(
  {},
  { additionalProperties: true, description: 'What the link may forward.' },
)

/** Codes of a visit that leads nowhere. */
export const VISIT_ERRORS = ['link_not_found', 'link_gone', 'link_taken_down', 'link_password_required'] as const

/** An answer that is not JSON, in the document. */
export const html = (description: string) => ({ description, content: { 'text/html': { schema: Type.String() } } })

/** A page of a visit, in the document. */
export const visitPage = (description: string) => html(`${description} A page for browsers, a problem for programs.`)

/** Where a visit leads, in the document. */
export const visitTarget = html('The target, in `Location`.')

/** The answers of a visit that leads nowhere. */
export const nowhere = {
  404: visitPage('There is no such link.'),
  410: visitPage('The link was taken down, and why; or it has expired.'),
}

interface Request {
  readonly method: string
  readonly host: string
  readonly params: { readonly code: string }
  readonly query: VisitQuery
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly ip: string
  readonly password?: string
}

interface Reply {
  code(status: number): unknown
  header(name: string, value: string): unknown
  type(mediaType: string): unknown
}

/** Answers a visit. @param place where its host leads */
export async function answerVisit(redirects: Redirects, place: Place, request: Request, reply: Reply): Promise<string> {
  const { headers, ip, method, params, password, query } = request
  const { rootTarget, space } = place
  reply.header('cache-control', REDIRECT_HEADERS['cache-control'])
  if (params.code === ROOT && rootTarget !== null) return redirect(reply, 302, rootTarget)
  const said = password !== undefined && { password }
  try {
    const visit = { space, code: params.code, method, headers, query, address: ip, ...said }
    return shown(await redirects.follow(visit), redirects, request, reply)
  } catch (refusal) {
    return refused(refusal, place, request, reply)
  }
}

function shown(followed: Followed, redirects: Redirects, request: Request, reply: Reply): string {
  switch (followed.kind) {
    case 'held':
      return sendPage(reply, 200, heldPage())
    case 'card':
      return sendPage(reply, 200, cardPage(followed.card, redirects.shortUrl(request.host, request.params.code)))
    case 'password':
      reply.header('vary', 'accept, cookie')
      if (!wantsPage(String(request.headers.accept ?? ''))) throw new StoaError(linkErrors.link_password_required)
      return sendPage(reply, followed.wrong ? 403 : 200, passwordPage(followed.wrong))
    case 'redirect':
      if (followed.cookie !== null) reply.header('set-cookie', followed.cookie)
      // What was said must not be sent on.
      return redirect(reply, request.password === undefined ? followed.status : 303, followed.target)
  }
}

function refused(refusal: unknown, { notFoundTarget }: Place, { headers }: Request, reply: Reply): string {
  const isUnknown = isError(refusal, linkErrors.link_not_found)
  if (isUnknown && notFoundTarget !== null) return redirect(reply, 302, notFoundTarget)
  reply.header('vary', 'accept')
  if (!(refusal instanceof StoaError) || !wantsPage(String(headers.accept ?? ''))) throw refusal
  if (refusal.kind === 'rate_limited') {
    reply.header('retry-after', String(refusal.retryAfterSeconds ?? 1))
    return sendPage(reply, 429, waitPage())
  }
  if (refusal.kind !== 'not_found' && refusal.kind !== 'gone') throw refusal
  return sendPage(reply, refusal.kind === 'gone' ? 410 : 404, refusalPage(refusal))
}

function redirect(reply: Reply, status: number, target: string): string {
  reply.code(status)
  reply.header('location', target)
  reply.header('referrer-policy', REDIRECT_HEADERS['referrer-policy'])
  return ''
}

function sendPage(reply: Reply, status: number, html: string): string {
  reply.code(status)
  reply.type('text/html; charset=utf-8')
  reply.header('content-security-policy', pagePolicy)
  return html
}
