import { defineEvent } from '@stoa/journal'
import { Type } from 'typebox'

const nullable = { time: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]) }

/** The link after the change, complete: a reader needs no query. */
const LinkState = {
  id: Type.String({ format: 'uuid' }),
  host: Type.String({ description: 'Short host; empty for the default one of the installation.' }),
  domainId: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
  code: Type.String(),
  target: Type.String(),
  folderId: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
  notes: Type.Union([Type.String(), Type.Null()]),
  title: Type.Union([Type.String(), Type.Null()]),
  tags: Type.Array(Type.String()),
  startsAt: nullable.time,
  expiresAt: nullable.time,
  maxVisits: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
  redirectStatus: Type.Integer({ description: '301, 302, 307 or 308.' }),
  forwardQuery: Type.Boolean(),
  utm: Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]),
  rules: Type.Array(Type.Unknown(), { description: 'As the API shows them.' }),
  split: Type.Array(Type.Unknown(), { description: 'As the API shows it.' }),
  hasPassword: Type.Boolean(),
  card: Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]),
  archivedAt: nullable.time,
  takedown: Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]),
  version: Type.Integer({ minimum: 1 }),
}

/** A link was made. Subject: `link:<id>`. */
export const linkCreated = defineEvent({
  type: 'link.created',
  version: 1,
  description: 'A link was made.',
  data: Type.Object(LinkState),
})

/** A link leads elsewhere, has another title, other tags or another expiry. Subject: `link:<id>`. */
export const linkUpdated = defineEvent({
  type: 'link.updated',
  version: 1,
  description: 'A link was changed.',
  data: Type.Object({
    ...LinkState,
    changed: Type.Array(Type.String(), { description: 'Names of the fields that differ from before.' }),
  }),
})

/** A link was taken down. Subject: `link:<id>`. */
export const linkArchived = defineEvent({
  type: 'link.archived',
  version: 1,
  description: 'A link was archived: it redirects no more.',
  data: Type.Object(LinkState),
})

/** A link that was taken down works again. Subject: `link:<id>`. */
export const linkRestored = defineEvent({
  type: 'link.restored',
  version: 1,
  description: 'An archived link was restored.',
  data: Type.Object(LinkState),
})

/** A link was taken down because of where it leads. Subject: `link:<id>`. */
export const linkTakenDown = defineEvent({
  type: 'link.taken_down',
  version: 1,
  description: 'A link was taken down because of where it leads.',
  data: Type.Object(LinkState),
})

/** That was lifted. Subject: `link:<id>`. */
export const linkTakedownLifted = defineEvent({
  type: 'link.takedown_lifted',
  version: 1,
  description: 'A link works again that was taken down because of where it leads.',
  data: Type.Object(LinkState),
})

function reportEvent(what: string, description: string) {
  const id = Type.String({ format: 'uuid' })
  const data = Type.Object({ id, linkId: id, reason: Type.String() })
  return defineEvent({ type: `link_report.${what}`, version: 1, description, data })
}

/** Subject of each: `link_report:<id>`. */
export const reportFiled = reportEvent('filed', 'Somebody reported a link.')
/** Nothing is to be done about the link. */
export const reportDismissed = reportEvent('dismissed', 'A report of a link was dismissed.')

function hostEvent(what: string, description: string) {
  const data = Type.Object({ id: Type.String({ format: 'uuid' }), host: Type.String() })
  return defineEvent({ type: `link_host.${what}`, version: 1, description, data })
}

/** Subject of each: `link_host:<id>`. */
export const hostBlocked = hostEvent('blocked', 'No link may lead to a host from now on.')
/** Links may lead there again. */
export const hostUnblocked = hostEvent('unblocked', 'Links may lead to a host again.')

/** Clicks were written; one event per write and tenant, without subjects. */
export const clicksRecorded = defineEvent({
  type: 'clicks.recorded',
  version: 1,
  description: 'A batch of clicks was written.',
  data: Type.Object({
    clicks: Type.Integer({ minimum: 0, description: 'Visits by people.' }),
    bots: Type.Integer({ minimum: 0, description: 'Visits by programs.' }),
    links: Type.Integer({ minimum: 1, description: 'How many links were visited.' }),
    byLink: Type.Optional(
      Type.Array(
        Type.Object({
          id: Type.String({ format: 'uuid' }),
          clicks: Type.Integer({ minimum: 0 }),
          bots: Type.Integer({ minimum: 0 }),
        }),
        { description: 'The links that were visited most, up to 50.' },
      ),
    ),
  }),
})

/** The domain after the change. */
const DomainState = Type.Object({
  id: Type.String({ format: 'uuid' }),
  host: Type.String(),
  rootTarget: Type.Union([Type.String(), Type.Null()]),
  notFoundTarget: Type.Union([Type.String(), Type.Null()]),
  verifiedAt: nullable.time,
  version: Type.Integer({ minimum: 1 }),
})

function domainEvent(what: string, description: string) {
  return defineEvent({ type: `link_domain.${what}`, version: 1, description, data: DomainState })
}

/** Subject of each: `link_domain:<id>`. */
export const domainAdded = domainEvent('added', 'A host for short links was added.')
/** Its root or its page for unknown codes leads elsewhere. */
export const domainUpdated = domainEvent('updated', 'A host for short links was changed.')
/** From now on its links are followed. */
export const domainVerified = domainEvent('verified', 'It was proven that a host for short links is the tenant’s own.')
/** From now on they are not. */
export const domainLost = domainEvent('lost', 'A host for short links was proven to be another tenant’s.')
/** It never had links, or had none any more. */
export const domainRemoved = domainEvent('removed', 'A host for short links was removed.')

function folderEvent(what: string, description: string) {
  const data = Type.Object({
    id: Type.String({ format: 'uuid' }),
    name: Type.String(),
    version: Type.Integer({ minimum: 1 }),
  })
  return defineEvent({ type: `link_folder.${what}`, version: 1, description, data })
}

/** Subject of each: `link_folder:<id>`. */
export const folderCreated = folderEvent('created', 'A folder of links was made.')
/** It has another name. */
export const folderUpdated = folderEvent('updated', 'A folder of links was renamed.')
/** It was empty. */
export const folderRemoved = folderEvent('removed', 'A folder of links was removed.')

/** All events of the room. */
export const linkEvents = [
  linkCreated,
  linkUpdated,
  linkArchived,
  linkRestored,
  linkTakenDown,
  linkTakedownLifted,
  reportFiled,
  reportDismissed,
  hostBlocked,
  hostUnblocked,
  folderCreated,
  folderUpdated,
  folderRemoved,
  clicksRecorded,
  domainAdded,
  domainUpdated,
  domainVerified,
  domainLost,
  domainRemoved,
]
