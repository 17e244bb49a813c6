/**
 * What programs see that show a preview of a link where it is shared, when its owner says what: an Open Graph card. Who
 * they are they say by their user agent. WhatsApp's own browser names WhatsApp too, but not first.
 */
import { Type } from 'typebox'
import { TextMemory } from '../clicks/text-memory.ts'
import { TARGET_MAX } from '../targets/target-url.ts'
import { escaped } from './redirect-page.ts'

const TITLE_MAX = 200
const DESCRIPTION_MAX = 500

/** A card, as the API takes and shows it. */
export const PreviewCard = Type.Object(
  {
    title: Type.String({ minLength: 1, maxLength: TITLE_MAX, pattern: '\\S' }),
    description: Type.Optional(Type.String({ minLength: 1, maxLength: DESCRIPTION_MAX })),
    image: Type.Optional(
      Type.String({ minLength: 1, maxLength: TARGET_MAX, description: 'The address of a picture, as a target.' }),
    ),
  },
  {
    additionalProperties: false,
    title: 'LinkPreviewCard',
    description:
      'What a preview of the link shows where it is shared: programs that make previews get this card instead of the redirect.',
    examples: [{ title: 'Spring catalogue', description: 'All that is new.', image: 'https://example.com/spring.png' }],
  },
)

/** A card as it is kept. */
export interface Card {
  readonly title: string
  readonly description?: string
  readonly image?: string
}

const programs =
  /facebookexternalhit|facebookcatalog|meta-externalagent|twitterbot|slackbot|slack-imgproxy|linkedinbot|discordbot|telegrambot|^whatsapp\/|skypeuripreview|pinterestbot|pinterest\/|redditbot|embedly|iframely|applebot|google-read-aloud|mastodon|bluesky cardyb|viber|line-poker|vkshare/i

const LOOKED_AT = 512
const memory = new TextMemory((agent) => programs.test(agent))

/** Whether a program says by its user agent that it makes previews. */
export function makesPreviews(agent: string | string[] | undefined): boolean {
  const text = (typeof agent === 'object' ? agent[0] : agent) ?? ''
  return text !== '' && memory.of(text.slice(0, LOOKED_AT))
}

/** The card as a page. @param url the short address */
export function cardPage({ description, image, title }: Card, url: string): string {
  const tags: [property: string, content: string | undefined][] = [
    ['og:type', 'website'],
    ['og:url', url],
    ['og:title', title],
    ['og:description', description],
    ['og:image', image],
  ]
  const shown = tags.flatMap(([property, content]) =>
    content === undefined ? [] : `<meta property="${property}" content="${escaped(content)}">`,
  )
  return `<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="robots" content="noindex">
<title>${escaped(title)}</title>
${shown.join('\n')}
<meta name="twitter:card" content="${image === undefined ? 'summary' : 'summary_large_image'}">
${description === undefined ? '' : `<meta name="description" content="${escaped(description)}">\n`}</head>
<body></body>
</html>
`
}
