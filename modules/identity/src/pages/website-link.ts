import { type Html, html } from '@stoa/mail'
import type { Say } from '../languages/index.ts'

/**
 * The website of an application, by its host, as it is written in DNS: what the link says is where it leads. It opens
 * beside the page, which may wait for an answer, and is told nothing of it. No picture is shown of it: the page would
 * have to let any host show pictures.
 */
export function websiteLink(say: Say, website: string | null | undefined): Html {
  const host = website ? URL.parse(website)?.host : undefined
  if (!website || !host) return html``
  return html`<p class="hint"><a href="${website}" target="_blank" rel="noopener noreferrer nofollow">${say('applicationWebsite', { host })}</a></p>`
}
