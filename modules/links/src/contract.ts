import type { ErrorSpec } from '@stoa/kernel'
import type { Static } from 'typebox'
import type * as analytics from './analytics/analytics-schema.ts'
import type * as domainSchema from './domains/domain-schema.ts'
import type { linkErrors } from './errors.ts'
import type * as schema from './schema.ts'

export { linkErrors } from './errors.ts'
export {
  clicksRecorded,
  domainAdded,
  domainLost,
  domainRemoved,
  domainUpdated,
  domainVerified,
  folderCreated,
  folderRemoved,
  folderUpdated,
  hostBlocked,
  hostUnblocked,
  linkArchived,
  linkCreated,
  linkEvents,
  linkRestored,
  linkTakedownLifted,
  linkTakenDown,
  linkUpdated,
  reportDismissed,
  reportFiled,
} from './events.ts'

/** A link as the API shows it. */
export type Link = Static<typeof schema.Link>
/** What a new link is made from. */
export type NewLink = Static<typeof schema.NewLink>
/** What may be changed about a link. */
export type LinkChange = Static<typeof schema.LinkChange>
/** A host for short links as the API shows it. */
export type LinkDomain = Static<typeof domainSchema.LinkDomain>
/** Clicks of a link: totals and a time series. */
export type LinkClicks = Static<typeof schema.LinkClicks>
/** What the clicks of a link come to. */
export type LinkAnalytics = Static<typeof analytics.LinkAnalytics>
/** What the clicks of all links come to. */
export type LinkAnalyticsOverview = Static<typeof analytics.LinkAnalyticsOverview>
/** A code with which links refuse. */
export type LinkErrorCode = (typeof linkErrors)[keyof typeof linkErrors] extends ErrorSpec<infer Code> ? Code : never
