import type { JournalEvent } from '@stoa/journal'
import { defineChannel } from '@stoa/realtime'
import {
  clicksRecorded,
  linkArchived,
  linkCreated,
  linkRestored,
  linkTakedownLifted,
  linkTakenDown,
  linkUpdated,
  reportDismissed,
  reportFiled,
} from './events.ts'
import { linkOf } from './link-resource.ts'

const all = [linkCreated, linkUpdated, linkArchived, linkRestored, linkTakenDown, linkTakedownLifted]
const events = all.map(({ type }) => type)

/** Where the events of links can be followed. Each shows the link after the change, complete. */
export const linkChannels = [
  defineChannel({
    pattern: 'links',
    description: 'Every link that is made, changed, archived or restored.',
    permission: 'links:read',
    events,
  }),
  defineChannel({
    pattern: 'link:{id}',
    description: 'What happens to one link.',
    permission: 'links:read',
    resource: ({ id = '' }) => linkOf(id),
    events,
  }),
  defineChannel({
    pattern: 'link-reports',
    description: 'What is reported of links, and dismissed.',
    permission: 'links:moderate',
    events: [reportFiled.type, reportDismissed.type],
  }),
  defineChannel({
    pattern: 'link-clicks',
    description: 'Clicks as they are counted: how many at a time, and on which links most.',
    permission: 'links:read',
    events: [clicksRecorded.type],
  }),
  defineChannel({
    pattern: 'link-clicks:{id}',
    description:
      'Clicks on one link as they are counted, and on no other. Where clicks on more than 50 links are counted at a time, those on the 50 most followed are told.',
    permission: 'links:read',
    resource: ({ id = '' }) => linkOf(id),
    events: [clicksRecorded.type],
    channels: (event) => byLink(event).map(clicksOf),
    payload: (event, channel) => {
      const own = byLink(event).filter((link) => clicksOf(link) === channel)
      const [{ bots, clicks } = { bots: 0, clicks: 0 }] = own
      return { clicks, bots, links: own.length, byLink: own }
    },
  }),
]

interface LinkClicks {
  readonly id: string
  readonly clicks: number
  readonly bots: number
}

function clicksOf({ id }: Pick<LinkClicks, 'id'>): string {
  return `link-clicks:${id}`
}

function byLink({ data }: JournalEvent): readonly LinkClicks[] {
  return (data as { byLink?: LinkClicks[] }).byLink ?? []
}
