/*
 * What a browser may do with a page (Content Security Policy, level 3): show one style and run at most one script, those that
 * name the nonce of this answer. It is new for each, and pages are kept by no cache, so whoever gets markup into a page has
 * nothing to name.
 */
import { randomBytes } from 'node:crypto'
import type { Look } from './look.ts'

/** 128 random bits, for one answer. */
export function newNonce(): string {
  return randomBytes(16).toString('base64url')
}

/** What a page needs besides its style. */
interface Needs {
  /** It has a script. Default: none. */
  readonly runs?: boolean | undefined
  /** Where its forms may lead to, beside here. */
  readonly leadsTo?: string | null | undefined
}

/** `Content-Security-Policy` of a page. */
export function pagePolicy({ imageOrigin }: Look, nonce: string, { leadsTo, runs }: Needs = {}): string {
  const parts = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    ...(runs ? [`script-src 'nonce-${nonce}'`] : []),
    ...(imageOrigin === null ? [] : [`img-src ${imageOrigin}`]),
    `form-action 'self'${leadsTo ? ` ${leadsTo}` : ''}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]
  return parts.join('; ')
}

/**
 * `Content-Security-Policy` of what the provider answers itself.
 *
 * @param nonce of the script of a page that has one; its form leads to an application
 */
export function providerPolicy(nonce: string | null): string {
  const script = nonce === null ? "'none'" : `'nonce-${nonce}'`
  return `default-src 'none'; script-src ${script}; base-uri 'none'; frame-ancestors 'none'`
}
