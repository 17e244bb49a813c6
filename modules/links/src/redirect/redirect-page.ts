/**
 * What is shown instead of a page when a short link leads nowhere. Complete in itself: no script, no request to
 * anywhere, nothing of the address in it.
 */
import { createHash } from 'node:crypto'
import type { StoaError } from '@stoa/kernel'

const style = `:root{color-scheme:light dark;font:1.125rem/1.5 system-ui,sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center;text-align:center}
main{padding:2rem;max-width:32rem}h1{font-size:1.5rem;margin:0 0 .5rem}p{margin:0;opacity:.75}
form{display:grid;gap:.5rem;margin-top:1.5rem;text-align:start}input,select,textarea,button{font:inherit;padding:.5rem .75rem}
.told{margin-top:1rem;opacity:1;font-weight:600}`

/** Longest password of a link, in characters. */
export const PASSWORD_MAX = 128

/**
 * `Content-Security-Policy` of the page: its own style, named by its hash, and nothing else. Where its form leads is left
 * open, because browsers hold that against the redirect to the target too.
 */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; frame-ancestors 'none'`

/** The page for a refusal: of a link that is gone by its public message, which says why. */
export function refusalPage(refusal: Pick<StoaError, 'kind' | 'message'>): string {
  if (refusal.kind === 'gone') return page('This link is no longer available', refusal.message)
  return page('There is no link here', 'A part of the address may be missing, or a letter of it is another one.')
}

/** The page that asks for the password of a link. It works without a script. @param wrong whether one was wrong */
export function passwordPage(wrong: boolean): string {
  const told = wrong ? '<p role="alert" id="told" class="told">This is not the password. Try again.</p>' : ''
  const described = wrong ? ' aria-invalid="true" aria-describedby="told"' : ''
  return page(
    'This link needs a password',
    'Whoever gave you the link knows it.',
    `${told}<form method="post">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="off" required maxlength="${PASSWORD_MAX}" autofocus${described}>
<button>Open</button>
</form>`,
  )
}

/** The page for who tried too many passwords. */
export function waitPage(): string {
  return page('Too many attempts', 'Wait a while, then try again.')
}

/** The page for programs, where a visit would use up one of a few. */
export function heldPage(): string {
  return page('This link works a limited number of times', 'Open it in a browser to follow it.')
}

/** A page of this room. @param more HTML */
export function page(heading: string, text: string, more = ''): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>${escaped(heading)}</title>
<style>${style}</style>
</head>
<body><main><h1>${escaped(heading)}</h1><p>${escaped(text)}</p>${more}</main></body>
</html>
`
}

/**
 * Whether the sender of this `Accept` wants a page rather than JSON (RFC 9110 §12.5.1). Browsers name `text/html`
 * first; programs name JSON, anything, or nothing, and get problem+json.
 */
export function wantsPage(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const html = Math.max(weight(accept, 'text/html'), weight(accept, 'application/xhtml+xml'))
  return html > 0 && html >= weight(accept, 'application/problem+json') && html >= weight(accept, 'application/json')
}

/** The quality with which `accept` names exactly this type; 0 when it does not. */
function weight(accept: string, type: string): number {
  for (const range of accept.slice(0, 1024).toLowerCase().split(',', 32)) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim())
    if (name !== type) continue
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
    const value = quality === undefined ? 1 : Number(quality)
    return value >= 0 && value <= 1 ? value : 0
  }
  return 0
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** As text or an attribute of HTML. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
