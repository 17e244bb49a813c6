import { OneOf } from '@stoa/http'
import { Type } from 'typebox'
import { DIMENSIONS } from './click-fold-store.ts'

/** Most points of a series: a month of hours, two years of days. */
export const POINTS_MAX = 750
/** Most values of a breakdown. */
const TOP_MAX = 100
const BY = [...DIMENSIONS]

const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' })
const IntervalName = OneOf(['hour', 'day', 'week', 'month'])

const Counts = {
  clicks: Type.Integer({ minimum: 0, description: 'Visits by people.', examples: [42] }),
  bots: Type.Integer({ minimum: 0, description: 'Visits by programs that say so.', examples: [3] }),
  visitors: Type.Integer({
    minimum: 0,
    description:
      'People, each counted once for each link and day (UTC) on the first visit. Who asks not to be followed is none.',
    examples: [31],
  }),
}
const Count = Type.Object(Counts, { additionalProperties: false })

const Breakdown = <T extends string>(by: readonly T[]) =>
  Type.Object(
    {
      by: OneOf(by),
      values: Type.Array(
        Type.Object({ value: Type.String({ examples: ['IN'] }), ...Counts }, { additionalProperties: false }),
        { description: 'The most frequent first.' },
      ),
      other: Type.Object(Counts, { additionalProperties: false, description: 'All other values together.' }),
      unknown: Type.Object(Counts, {
        additionalProperties: false,
        description: 'What has no value here. Programs have a kind (`bot`) and no device, browser or system.',
      }),
    },
    { additionalProperties: false },
  )

const Shared = {
  from: Time,
  to: Time,
  interval: IntervalName,
  timeZone: Type.String({ examples: ['Asia/Kolkata'] }),
  total: Count,
  series: Type.Array(Type.Object({ at: Time, ...Counts }, { additionalProperties: false }), {
    description: 'One point for each interval, by its beginning; empty ones are zero.',
  }),
}
const attribution = Type.Union([Type.String(), Type.Null()], {
  description: 'To be shown with places: whose data they come from. null: no places are known.',
  examples: ['IP Geolocation by DB-IP (https://db-ip.com)'],
})

/** Clicks of one link. */
export const LinkAnalytics = Type.Object(
  {
    linkId: Type.String({ format: 'uuid' }),
    ...Shared,
    breakdowns: Type.Array(Breakdown(BY)),
    attribution,
  },
  { additionalProperties: false, title: 'LinkAnalytics' },
)

/** Clicks of all links. */
export const LinkAnalyticsOverview = Type.Object(
  { ...Shared, breakdowns: Type.Array(Breakdown(['link', ...BY])), attribution },
  { additionalProperties: false, title: 'LinkAnalyticsOverview' },
)

const window = {
  from: Type.Optional(
    Type.String({
      format: 'date-time',
      description:
        'Beginning; the interval in which it lies is the first. Default: 24 hours, 30 days, 12 weeks or 12 months before the end.',
    }),
  ),
  to: Type.Optional(
    Type.String({
      format: 'date-time',
      description: `End, exclusive; the interval in which it lies is the last. Default: now. At most ${POINTS_MAX} points.`,
    }),
  ),
  interval: Type.Unsafe<'hour' | 'day' | 'week' | 'month'>({
    ...IntervalName,
    default: 'day',
    description: 'Width of a point. Weeks begin on Monday.',
  }),
  timeZone: Type.String({
    minLength: 1,
    maxLength: 64,
    default: 'UTC',
    description: 'IANA name of the time zone whose days, weeks and months are meant.',
    examples: ['Asia/Kolkata'],
  }),
  top: Type.Integer({ minimum: 1, maximum: TOP_MAX, default: 10, description: 'How many values of each breakdown.' }),
}

const by = <T extends string>(words: readonly T[]) =>
  Type.Optional(
    Type.Array(OneOf(words), {
      maxItems: words.length,
      description: 'Breakdowns to give; repeated for several. Default: none.',
    }),
  )

/** What part of a link's clicks is asked for. */
export const LinkAnalyticsQuery = Type.Object({ ...window, by: by(BY) })

/** What part of all clicks is asked for. */
export const OverviewQuery = Type.Object({ ...window, by: by(['link', ...BY]) })
