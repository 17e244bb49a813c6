import { Type } from 'typebox'
import { SLUG_MAX, SLUG_MIN } from './codes/slug.ts'
import { PreviewCard } from './redirect/preview-card.ts'
import { PASSWORD_MAX } from './redirect/redirect-page.ts'
import { Rules, Split } from './redirect/routing-schema.ts'
import { TakedownShown } from './safety/takedown.ts'
import { TARGET_MAX } from './targets/target-url.ts'

/** Longest title, in characters. */
const TITLE_MAX = 200
/** Most tags on a link. */
const TAGS_MAX = 20
/** Longest tag, in characters. */
const TAG_MAX = 50
/** Longest notes, in characters. */
const NOTES_MAX = 2_000

/** What the examples of the documentation have in common. */
const EXAMPLE = {
  target: 'https://example.com/spring/catalogue',
  title: 'Spring catalogue',
  notes: 'On the back of the leaflet.',
  tags: ['print', 'spring'],
  startsAt: '2026-03-01T00:00:00.000Z',
  expiresAt: '2027-01-01T00:00:00.000Z',
}
/** Most visits that a maximum can name. */
const VISITS_MAX = 1_000_000_000

const Id = Type.String({ format: 'uuid', description: 'UUIDv7.' })
const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' })

const Status = Type.Union(
  [
    Type.Literal('active'),
    Type.Literal('archived'),
    Type.Literal('expired'),
    Type.Literal('scheduled'),
    Type.Literal('taken-down'),
  ],
  {
    description:
      'Only an active link redirects, unless its visits are used up. A link that is both archived and expired shows as archived; one that was taken down, as that.',
  },
)
const RedirectStatus = Type.Union([Type.Literal(301), Type.Literal(302), Type.Literal(307), Type.Literal(308)], {
  description:
    'How it redirects (RFC 9110, section 15.4). No answer is kept by caches, so every visit is counted with each of them.',
  examples: [302],
})

const UtmValue = Type.String({ minLength: 1, maxLength: 200, pattern: '\\S' })
const Utm = Type.Object(
  {
    source: Type.Optional(UtmValue),
    medium: Type.Optional(UtmValue),
    campaign: Type.Optional(UtmValue),
    term: Type.Optional(UtmValue),
    content: Type.Optional(UtmValue),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description:
      'Campaign parameters that are added to the target: `utm_source` and so on, but for those that it has already.',
    examples: [{ source: 'newsletter', medium: 'email' }],
  },
)

/** A link as the API shows it. */
export const Link = Type.Object(
  {
    id: Id,
    code: Type.String({
      description: 'What stands after the slash: seven generated characters, or the custom slug.',
      examples: ['k3Xw9Qz'],
    }),
    domainId: Type.Union([Id, Type.Null()], {
      description: 'The host of the tenant that it is on; null: the installation’s own.',
      examples: [null],
    }),
    shortUrl: Type.String({
      format: 'uri',
      description: 'The address to hand out.',
      examples: ['https://stoa.example.org/l/k3Xw9Qz'],
    }),
    target: Type.String({
      format: 'uri',
      maxLength: TARGET_MAX,
      description: 'Where the link leads, normalised.',
      examples: [EXAMPLE.target],
    }),
    folderId: Type.Union([Id, Type.Null()], { description: 'The folder that it is in.', examples: [null] }),
    title: Type.Union([Type.String({ maxLength: TITLE_MAX }), Type.Null()], { examples: [EXAMPLE.title] }),
    notes: Type.Union([Type.String({ maxLength: NOTES_MAX }), Type.Null()], { examples: [EXAMPLE.notes] }),
    tags: Type.Array(Type.String({ minLength: 1, maxLength: TAG_MAX }), {
      maxItems: TAGS_MAX,
      examples: [EXAMPLE.tags],
    }),
    status: Status,
    startsAt: Type.Union([Time, Type.Null()], { examples: [EXAMPLE.startsAt] }),
    expiresAt: Type.Union([Time, Type.Null()], { examples: [EXAMPLE.expiresAt] }),
    maxVisits: Type.Union([Type.Integer({ minimum: 1, maximum: VISITS_MAX }), Type.Null()], { examples: [null] }),
    redirectStatus: RedirectStatus,
    forwardQuery: Type.Boolean({ examples: [false] }),
    utm: Type.Union([Utm, Type.Null()]),
    rules: Rules,
    split: Split,
    hasPassword: Type.Boolean({ description: 'Whether visitors have to say a password.' }),
    card: Type.Union([PreviewCard, Type.Null()], { examples: [null] }),
    archivedAt: Type.Union([Time, Type.Null()], { examples: [null] }),
    takedown: Type.Union([TakedownShown, Type.Null()], {
      description: 'Why it was taken down; visitors get 410 with the reason.',
      examples: [null],
    }),
    version: Type.Integer({ minimum: 1, description: 'Grows with each change; the ETag is made of it.' }),
    createdAt: Time,
    updatedAt: Time,
    createdBy: Type.String({
      description: 'Kind and id of who made it.',
      examples: ['apiKey:019b76da-a800-7000-8000-000000000002'],
    }),
  },
  { additionalProperties: false, title: 'Link' },
)

const Target = Type.String({
  minLength: 1,
  maxLength: TARGET_MAX,
  description: 'Where the link leads: http or https, on the public internet, without credentials, not a link of ours.',
  examples: [EXAMPLE.target],
})
const Title = Type.Union([Type.String({ minLength: 1, maxLength: TITLE_MAX }), Type.Null()], {
  description: 'A name for people; null for none.',
  examples: [EXAMPLE.title],
})
const Notes = Type.Union([Type.String({ minLength: 1, maxLength: NOTES_MAX }), Type.Null()], {
  description: 'For those who work with the link; visitors never see them.',
  examples: [EXAMPLE.notes],
})
const FolderId = Type.Union([Id, Type.Null()], {
  description: 'A folder, from `/api/v1/link-folders`; null: none.',
  examples: [null],
})
const Tags = Type.Array(Type.String({ minLength: 1, maxLength: TAG_MAX, pattern: '\\S' }), {
  maxItems: TAGS_MAX,
  description: 'Words to find the link by. Surrounding blanks and repetitions are removed.',
  examples: [EXAMPLE.tags],
})
const ExpiresAt = Type.Union([Time, Type.Null()], {
  description: 'When the link stops redirecting: in the future, or null for never.',
  examples: [EXAMPLE.expiresAt],
})

const StartsAt = Type.Union([Time, Type.Null()], {
  description: 'When the link begins to redirect, before it ends; null for at once. Until then there is no such link.',
  examples: [EXAMPLE.startsAt],
})
const MaxVisits = Type.Union([Type.Integer({ minimum: 1, maximum: VISITS_MAX }), Type.Null()], {
  description:
    'How often it redirects in all, never more; null for no limit. Every redirect counts, whoever asks. Programs that say they are programs are not redirected, nor are prefetches and HEAD, so that a preview uses none up.',
  examples: [null],
})
const ForwardQuery = Type.Boolean({
  description:
    'Whether the query of a visit is added to the target. Parameters that the target has already stay as they are.',
  examples: [false],
})

const Password = Type.Union([Type.String({ minLength: 1, maxLength: PASSWORD_MAX }), Type.Null()], {
  description: 'What visitors have to say before they are led on; null for none. It is never shown again.',
  writeOnly: true,
  examples: [null],
})

/** What a new link is made from. */
export const NewLink = Type.Object(
  {
    target: Target,
    slug: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description: `A slug of your own: ${SLUG_MIN}–${SLUG_MAX} letters, digits, "_" or "-", case-sensitive, in up to 5 segments with "/" between them. Default: a generated code.`,
        examples: ['spring'],
      }),
    ),
    codeStyle: Type.Optional(
      Type.Union([Type.Literal('short'), Type.Literal('readable')], {
        description:
          'How a generated code looks: `short` has seven letters and digits; `readable` has eight in lower case without look-alikes, to be typed or read aloud. Default: `short`.',
        examples: ['short'],
      }),
    ),
    domainId: Type.Optional(
      Type.Union([Id, Type.Null()], {
        description:
          'A host of the tenant, from `/api/v1/link-domains`. Default: the installation’s own. It never changes.',
        examples: [null],
      }),
    ),
    folderId: Type.Optional(FolderId),
    title: Type.Optional(Title),
    notes: Type.Optional(Notes),
    tags: Type.Optional(Tags),
    startsAt: Type.Optional(StartsAt),
    expiresAt: Type.Optional(ExpiresAt),
    maxVisits: Type.Optional(MaxVisits),
    redirectStatus: Type.Optional(RedirectStatus),
    forwardQuery: Type.Optional(ForwardQuery),
    utm: Type.Optional(Type.Union([Utm, Type.Null()])),
    rules: Type.Optional(Rules),
    split: Type.Optional(Split),
    password: Type.Optional(Password),
    card: Type.Optional(Type.Union([PreviewCard, Type.Null()])),
    reuse: Type.Optional(
      Type.Boolean({
        description:
          'Gives the newest active link that is all that this one would be, when there is one, instead of making another. Never with a slug or a password. Default: false.',
        examples: [false],
      }),
    ),
  },
  { additionalProperties: false, title: 'NewLink' },
)

/** What may be changed. What is absent stays as it is. */
export const LinkChange = Type.Object(
  {
    target: Type.Optional(Target),
    folderId: Type.Optional(FolderId),
    title: Type.Optional(Title),
    notes: Type.Optional(Notes),
    tags: Type.Optional(Tags),
    startsAt: Type.Optional(StartsAt),
    expiresAt: Type.Optional(ExpiresAt),
    maxVisits: Type.Optional(MaxVisits),
    redirectStatus: Type.Optional(RedirectStatus),
    forwardQuery: Type.Optional(ForwardQuery),
    utm: Type.Optional(Type.Union([Utm, Type.Null()])),
    rules: Type.Optional(Rules),
    split: Type.Optional(Split),
    password: Type.Optional(Password),
    card: Type.Optional(Type.Union([PreviewCard, Type.Null()])),
  },
  { additionalProperties: false, minProperties: 1, title: 'LinkChange' },
)

const Counts = {
  clicks: Type.Integer({ minimum: 0, description: 'Visits by people.', examples: [42] }),
  bots: Type.Integer({ minimum: 0, description: 'Visits by programs that say so.', examples: [3] }),
}

/** A link in a list. */
export const ListedLink = Type.Object(
  {
    ...Link.properties,
    total: Type.Optional(
      Type.Object(Counts, {
        additionalProperties: false,
        description: 'How often it was followed since it was made; where `counts` asks for it.',
      }),
    ),
  },
  { additionalProperties: false, title: 'ListedLink' },
)

/** How often a link was followed. */
export const LinkClicks = Type.Object(
  {
    linkId: Id,
    total: Type.Object(Counts, { additionalProperties: false, description: 'Since the link was made.' }),
    unit: Type.Union([Type.Literal('hour'), Type.Literal('day')]),
    from: Time,
    to: Time,
    series: Type.Array(Type.Object({ at: Time, ...Counts }, { additionalProperties: false }), {
      description: 'One point per hour or day (UTC) from `from`, inclusive, to `to`, exclusive; empty ones are zero.',
    }),
  },
  { additionalProperties: false, title: 'LinkClicks' },
)

/** The path of one link. */
export const LinkParams = Type.Object({ id: Id })

const OrNone = (description: string) =>
  Type.String({
    pattern: '^(?:none|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})$',
    description,
    examples: ['none'],
  })

/** The filters of the list. */
export const LinkQuery = Type.Object({
  tag: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: TAG_MAX }), {
      maxItems: TAGS_MAX,
      description: 'Links with this tag; repeated, links with all of them.',
    }),
  ),
  status: Type.Optional(Status),
  q: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description:
        'Words: each begins a word of the code, the title, the tags, the target or the notes. Case and accents make no difference.',
    }),
  ),
  shortUrl: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 2_048,
      description: 'The link at this address, on whatever host; or with this code, on the installation’s own.',
      examples: ['https://stoa.example.org/l/k3Xw9Qz'],
    }),
  ),
  folderId: Type.Optional(OrNone('In this folder; `none`: in none.')),
  domainId: Type.Optional(OrNone('On this host of the tenant; `none`: on the installation’s own.')),
  createdFrom: Type.Optional(Type.String({ format: 'date-time', description: 'Made at this time or later.' })),
  createdTo: Type.Optional(Type.String({ format: 'date-time', description: 'Made before this time.' })),
})

/** What part of the clicks is asked for. */
export const LinkClicksQuery = Type.Object({
  unit: Type.Union([Type.Literal('hour'), Type.Literal('day')], { default: 'hour', description: 'Width of a point.' }),
  from: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'Beginning, rounded down to the unit. Default: 24 hours or 30 days before the end.',
    }),
  ),
  to: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'End, exclusive, rounded up to the unit. Default: the end of this hour or day. At most 750 points.',
    }),
  ),
})
