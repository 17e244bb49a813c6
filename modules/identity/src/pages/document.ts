/* The document around every page. Complete in itself: one style, one picture, and no script but that of passkeys. */
import { type Html, html, trustedHtml } from '@stoa/mail'
import { languages, locales } from '../languages/index.ts'
import type { Look } from './look.ts'
import type { PageVisit, ShownPage } from './page.ts'

/** The part of a visit that a document is made of. */
export type Frame = Pick<PageVisit, 'base' | 'locale' | 'say' | 'look' | 'query' | 'nonce'> & {
  /** Below the tenant; the choice of language leads back here. Null: there is no choice. */
  readonly path: string | null
}

/** The whole page. */
export function documentOf(frame: Frame, page: Pick<ShownPage, 'title' | 'body' | 'isError'>, head = ''): string {
  const { locale, look, nonce, say } = frame
  const title = `${page.isError ? `${say('errorTitle')}: ` : ''}${page.title} – ${look.name}`
  const body = html`<a class="skip" href="#main">${say('skip')}</a>
<header>${banner(look)}</header>
<main id="main"><h1>${page.title}</h1>
${page.body}</main>
<footer>${frame.path === null ? '' : languageChoice(frame, frame.path)}</footer>`
  return `<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>${html`${title}`}</title>${head}
<style nonce="${nonce}">${look.style}</style>
</head>
<body>
${body}
</body>
</html>
`
}

/** The page that leads somewhere else at once. */
export function leavingDocument(frame: Frame, to: string): string {
  const { look, say } = frame
  const refresh = `\n<meta http-equiv="refresh" content="0;url=${html`${to}`}">`
  // `to` is a path: the first character is no scheme.
  const link = trustedHtml(`<p><a href="${html`${to}`}">${html`${say('continue')}`}</a></p>`)
  return documentOf(frame, { title: look.name, body: link }, refresh)
}

function banner({ logoUrl, name }: Look): Html {
  return logoUrl === null ? html`<span>${name}</span>` : html`<img src="${logoUrl}" alt="${name}">`
}

function languageChoice({ base, locale, query, say }: Frame, path: string): Html {
  const links = locales
    .filter((other) => other !== locale)
    .map((other) => {
      const next = new URLSearchParams(query)
      next.set('lang', other)
      return html`<a href="/${`${base}/${path}`.slice(1)}?${String(next)}" lang="${other}" hreflang="${other}">${languages[other].languageName}</a>`
    })
  return html`<nav aria-label="${say('language')}">${links}</nav>`
}
